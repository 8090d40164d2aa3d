"""What the node knows about an address, an AS number or a vulnerability without asking anybody: files that it holds.

An operator loads a file; it is compiled once (`compiling`) to sorted, disjoint intervals, and a batch of events is
answered by one search for each file (`filling`). A feed's own word is never overwritten.
"""
