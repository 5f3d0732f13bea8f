"""Puts the balances of everybody into the cache: `python -m bench.warming`.

In the database and the cache that the environment names. This process is new, so the cache begins
a generation for it, and keeps nothing until that has settled.
"""

import os
import time


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from balances.cache import balance_cache
    from balances.queries import shown_balances
    from users.models import User

    everybody = list(User.objects.values_list("pk", flat=True))
    while balance_cache().read(everybody[0]).balances is None:
        shown_balances(everybody[0])
        time.sleep(0.1)  # seconds
    for user_id in everybody:
        shown_balances(user_id)


if __name__ == "__main__":
    main()
