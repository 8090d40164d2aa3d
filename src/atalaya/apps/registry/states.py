"""The 35 member states of the OAS: ISO 3166-1 codes and short names in English, Spanish, French and Portuguese."""

from __future__ import annotations

from typing import NamedTuple


class StateNames(NamedTuple):
    """One state. `code` is ISO 3166-1 alpha-2, `iso3` alpha-3; `pt` is Brazilian Portuguese."""

    code: str
    iso3: str
    en: str
    es: str
    fr: str
    pt: str


STATES = (
    StateNames("AG", "ATG", "Antigua and Barbuda", "Antigua y Barbuda", "Antigua-et-Barbuda", "Antígua e Barbuda"),
    StateNames("AR", "ARG", "Argentina", "Argentina", "Argentine", "Argentina"),
    StateNames("BS", "BHS", "Bahamas", "Bahamas", "Bahamas", "Bahamas"),
    StateNames("BB", "BRB", "Barbados", "Barbados", "Barbade", "Barbados"),
    StateNames("BZ", "BLZ", "Belize", "Belice", "Belize", "Belize"),
    StateNames("BO", "BOL", "Bolivia", "Bolivia", "Bolivie", "Bolívia"),
    StateNames("BR", "BRA", "Brazil", "Brasil", "Brésil", "Brasil"),
    StateNames("CA", "CAN", "Canada", "Canadá", "Canada", "Canadá"),
    StateNames("CL", "CHL", "Chile", "Chile", "Chili", "Chile"),
    StateNames("CO", "COL", "Colombia", "Colombia", "Colombie", "Colômbia"),
    StateNames("CR", "CRI", "Costa Rica", "Costa Rica", "Costa Rica", "Costa Rica"),
    StateNames("CU", "CUB", "Cuba", "Cuba", "Cuba", "Cuba"),
    StateNames("DM", "DMA", "Dominica", "Dominica", "Dominique", "Dominica"),
    StateNames("DO", "DOM", "Dominican Republic", "República Dominicana", "République dominicaine", "República Dominicana"),
    StateNames("EC", "ECU", "Ecuador", "Ecuador", "Équateur", "Equador"),
    StateNames("SV", "SLV", "El Salvador", "El Salvador", "El Salvador", "El Salvador"),
    StateNames("GD", "GRD", "Grenada", "Granada", "Grenade", "Granada"),
    StateNames("GT", "GTM", "Guatemala", "Guatemala", "Guatemala", "Guatemala"),
    StateNames("GY", "GUY", "Guyana", "Guyana", "Guyana", "Guiana"),
    StateNames("HT", "HTI", "Haiti", "Haití", "Haïti", "Haiti"),
    StateNames("HN", "HND", "Honduras", "Honduras", "Honduras", "Honduras"),
    StateNames("JM", "JAM", "Jamaica", "Jamaica", "Jamaïque", "Jamaica"),
    StateNames("MX", "MEX", "Mexico", "México", "Mexique", "México"),
    StateNames("NI", "NIC", "Nicaragua", "Nicaragua", "Nicaragua", "Nicarágua"),
    StateNames("PA", "PAN", "Panama", "Panamá", "Panama", "Panamá"),
    StateNames("PY", "PRY", "Paraguay", "Paraguay", "Paraguay", "Paraguai"),
    StateNames("PE", "PER", "Peru", "Perú", "Pérou", "Peru"),
    StateNames("KN", "KNA", "Saint Kitts and Nevis", "San Cristóbal y Nieves", "Saint-Kitts-et-Nevis", "São Cristóvão e Névis"),
    StateNames("LC", "LCA", "Saint Lucia", "Santa Lucía", "Sainte-Lucie", "Santa Lúcia"),
    StateNames(
        "VC", "VCT", "Saint Vincent and the Grenadines", "San Vicente y las Granadinas",
        "Saint-Vincent-et-les-Grenadines", "São Vicente e Granadinas",
    ),
    StateNames("SR", "SUR", "Suriname", "Surinam", "Suriname", "Suriname"),
    StateNames("TT", "TTO", "Trinidad and Tobago", "Trinidad y Tobago", "Trinité-et-Tobago", "Trinidad e Tobago"),
    StateNames("US", "USA", "United States", "Estados Unidos", "États-Unis", "Estados Unidos"),
    StateNames("UY", "URY", "Uruguay", "Uruguay", "Uruguay", "Uruguai"),
    StateNames("VE", "VEN", "Venezuela", "Venezuela", "Venezuela", "Venezuela"),
)  # fmt: skip
