"""The ceiling: the posting engine alone, in batches of 1,000 and without HTTP.

`python -m bench.ceiling SECONDS` prints the transfers per second between the people who are in the
database that the environment names.
"""

import itertools
import os
import sys
import time

BATCH = 1_000


def main(seconds: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from transactions.batches import post_units
    from transactions.enums import TransactionType
    from transactions.instructions import Instruction, Unit, UnitOutcome
    from users.actors import Actor
    from users.models import User
    from users.roles import Role

    people = User.objects.filter(role=Role.USER).order_by("pk")
    ids = [*people.values_list("pk", flat=True)]
    payers, receivers = itertools.cycle(ids), itertools.cycle(ids[::-1][1:])
    posted, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        units = [
            Unit(
                [
                    Instruction(
                        type=TransactionType.TRANSFER,
                        source=payer,
                        destination=receiver,
                        amount=1,
                        currency="USD",
                        actor=Actor.system("bench"),
                    )
                ]
            )
            for payer, receiver in itertools.islice(zip(payers, receivers, strict=True), BATCH)
            if payer != receiver
        ]
        results = post_units(units)
        assert all(
            isinstance(result, UnitOutcome) and result.outcomes[0].error is None
            for result in results
        )
        posted += len(units)
    print(posted / (time.perf_counter() - started))


if __name__ == "__main__":
    main(float(sys.argv[1]))
