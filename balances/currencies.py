"""ISO 4217: which currencies there are and how many decimals each has.

Source: ISO 4217:2015 list one (active codes), maintained by SIX. Funds, metals and testing codes
are left out: nobody holds a balance in them here.
"""

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MAX_EXPONENT = 8

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL
MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK
PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""

ISO_4217: dict[str, int] = {
    code: exponent
    for exponent, codes in (
        (0, _NO_DECIMALS),
        (2, _TWO_DECIMALS),
        (3, _THREE_DECIMALS),
        (4, _FOUR_DECIMALS),
    )
    for code in codes.split()
}


def parse_extra_currencies(extra: list[str]) -> dict[str, int]:
    """`["BTC:8"]` as `{"BTC": 8}`. Raises ImproperlyConfigured for anything else."""
    exponents = {}
    for item in extra:
        code, _, digits = item.strip().partition(":")
        named = code.isascii() and code.isalnum() and code.isupper() and 3 <= len(code) <= 8
        if not named or not (digits.isascii() and digits.isdigit()) or int(digits) > MAX_EXPONENT:
            raise ImproperlyConfigured(
                f"EXTRA_CURRENCIES holds {item!r}; write CODE:DECIMALS with 3 to 8 capitals "
                f"and at most {MAX_EXPONENT} decimals, such as BTC:8."
            )
        if code in ISO_4217:
            raise ImproperlyConfigured(
                f"EXTRA_CURRENCIES holds {item!r}, but ISO 4217 gives {code} "
                f"{ISO_4217[code]} decimals: amounts in the books would change their value."
            )
        exponents[code] = int(digits)
    return exponents


@lru_cache(maxsize=1)
def currencies() -> dict[str, int]:
    """Every currency that can be held, with its number of decimals."""
    return ISO_4217 | parse_extra_currencies(settings.EXTRA_CURRENCIES)
