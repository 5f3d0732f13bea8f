"""Puts the balances of everybody into the cache: `python -m bench.warming`.

In the database and the cache that the environment names.
"""

import os


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from balances.queries import shown_balances
    from users.models import User

    for user_id in User.objects.values_list("pk", flat=True):
        shown_balances(user_id)


if __name__ == "__main__":
    main()
