"""Saint Elmo, a state that does not exist: its organisations, networks and contacts.

Addresses are documentation space (RFC 5737, RFC 3849), AS numbers documentation and private-use ones (RFC 5398,
RFC 6996), domains under .example (RFC 2606).
"""

from __future__ import annotations

from dataclasses import dataclass

CODE = "XS"
NAMES = {"en": "Saint Elmo", "es": "San Telmo", "fr": "Saint-Elme", "pt": "São Telmo"}
TIMEZONE = "America/Barbados"


@dataclass(frozen=True)
class Place:
    """One organisation of the demonstration: who it is, what it owns, whom to tell."""

    name: str
    short: str
    sector: str
    kind: str
    critical: bool
    networks: tuple[str, ...]
    contact: str
    language: str
    parent: str = ""

    @property
    def domain(self) -> str:
        return next((value for value in self.networks if value.endswith(".example")), "")


def _place(line: str) -> Place:
    name, short, sector, kind, critical, networks, contact, language, parent = (
        part.strip() for part in line.split("|")
    )
    return Place(
        name, short, sector, kind, critical == "critical", tuple(networks.split()), contact, language, parent
    )


PLACES: tuple[Place, ...] = tuple(
    _place(line)
    for line in """
Office of the Prime Minister | OPM | government | public | critical | 192.0.2.0/28 2001:db8:1::/48 gov.example | Marisol Joseph | en |
Ministry of Finance | MOF | government | public | critical | 192.0.2.16/28 2001:db8:2::/48 finance.gov.example | Rohan Persaud | en | Office of the Prime Minister
Ministry of Health | MOH | health | public | critical | 192.0.2.32/28 health.gov.example | Anaïs Toussaint | fr | Office of the Prime Minister
Ministry of Education | MOE | education | public | | 192.0.2.48/28 education.gov.example | Lucía Fernández | es | Office of the Prime Minister
Customs and Excise Department | CED | government | public | critical | 192.0.2.64/28 customs.gov.example | Dwayne Charles | en | Ministry of Finance
Police Service of Saint Elmo | PSE | security | public | critical | 192.0.2.80/28 police.gov.example | Carla Benítez | es |
Fire and Rescue Service | FRS | security | public | | 192.0.2.96/29 fire.gov.example | João Ribeiro | pt-br |
Electoral Commission | EC | government | public | critical | 192.0.2.104/29 elections.gov.example | Nadia Pierre | fr |
National Library and Archives | NLA | education | public | | 192.0.2.112/29 library.gov.example | Ingrid Alleyne | en | Ministry of Education
Meteorological Service | MET | government | public | critical | 192.0.2.120/29 met.gov.example | Tomás Rivas | es |
Port Authority of Saint Elmo | PASE | transport | public | critical | 192.0.2.128/28 2001:db8:10::/48 port.example | Kelvin Baptiste | en |
Elmo International Airport | EIA | transport | public | critical | 192.0.2.144/28 airport.example | Beatriz Souza | pt-br |
Inter-Island Ferries | IIF | transport | private | | 203.0.113.0/29 ferries.example | Curtis Hinds | en |
Elmo Power and Light | EPL | energy | private | critical | 192.0.2.160/28 2001:db8:11::/48 power.example | Solange Dubois | fr |
Geothermal Energy Company | GEC | energy | private | critical | 192.0.2.176/29 geothermal.example | Andrés Quiroga | es |
Petroleum Terminal | PT | energy | private | critical | 192.0.2.184/29 terminal.example | Sheldon Grant | en |
Water and Sewerage Authority | WASA | water | public | critical | 192.0.2.192/28 2001:db8:12::/48 water.example | Marie-Claire Joseph | fr |
Central Bank of Saint Elmo | CBSE | finance | public | critical | 192.0.2.208/28 2001:db8:20::/48 centralbank.example | Vikram Singh | en |
First Island Bank | FIB | finance | private | critical | 203.0.113.16/28 2001:db8:21::/48 firstbank.example | Gabriela Morales | es |
Co-operative Credit Union League | CCUL | finance | civil | | 203.0.113.32/28 creditunion.example | Althea Brown | en |
Elmo Insurance | EI | finance | private | | 203.0.113.48/29 insurance.example | Paulo Mendes | pt-br |
Card Switch Services | CSS | finance | private | critical | 203.0.113.56/29 cardswitch.example | Desmond Clarke | en |
Telmo Telecom | TT | telecom | private | critical | 198.51.100.0/25 203.0.113.0/24 2001:db8:100::/40 AS64496 telmo.example | Ramón Castillo | es |
Faro Cable | FARO | telecom | private | critical | 198.51.100.128/26 2001:db8:200::/40 AS64497 faro.example | Odette Laurent | fr |
Isla Mobile | ISLA | telecom | private | critical | 198.51.100.192/27 AS64500 islamobile.example | Fernanda Lima | pt-br |
Internet Exchange of Saint Elmo | SEIX | digital | civil | critical | 198.51.100.248/29 AS64510 ix.example | Trevor Niles | en |
Saint Elmo Domain Registry | SEDR | digital | civil | critical | 203.0.113.64/29 nic.example | Amélie Fontaine | fr |
Elmo Hosting | EH | digital | private | | 203.0.113.80/28 hosting.example | Javier Ocampo | es |
University of Saint Elmo | USE | education | academic | | 198.51.100.224/28 2001:db8:300::/48 AS64498 university.example | Prof. Sandra Worrell | en |
Technical College | TC | education | academic | | 198.51.100.240/29 college.example | Rosa Martínez | es | University of Saint Elmo
General Hospital | GH | health | public | critical | 203.0.113.96/28 hospital.example | Dr. Yves Antoine | fr | Ministry of Health
Island Medical Laboratories | IML | health | private | | 203.0.113.112/29 medlab.example | Denise Fraser | en |
Central Market Foods | CMF | food | private | | 203.0.113.120/29 foods.example | Luiz Carvalho | pt-br |
Fisheries Co-operative | FC | food | civil | | 203.0.113.128/29 fisheries.example | Winston Cato | en |
Coral Bay Resort | CBR | tourism | private | | 203.0.113.136/29 coralbay.example | Manuela Ortiz | es |
Tourism Board | TB | tourism | public | | 203.0.113.144/29 visit.example | Chantal Rousseau | fr |
Rum Distillers | RD | industry | private | | 203.0.113.152/29 distillers.example | Errol James | en |
Cement Works | CW | industry | private | | 203.0.113.160/29 cement.example | Hugo Delgado | es |
The Elmo Herald | TEH | media | private | | 203.0.113.168/29 herald.example | Simone Phillip | en |
Island Radio | IR | media | civil | | 203.0.113.176/29 radio.example | Patrícia Alves | pt-br |
Red Cross Society | RC | other | civil | | 203.0.113.184/29 redcross.example | Claire Etienne | fr |
""".strip().splitlines()
)
