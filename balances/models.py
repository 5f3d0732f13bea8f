"""Balances and the ledger entries behind them."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from balances.currencies import MAX_EXPONENT
from balances.enums import BalanceStatus, House, Owner
from balances.freezes import FROZEN, status_at

CURRENCY_MAX_LENGTH = 8
REASON_MAX_LENGTH = 255


class Balance(models.Model):
    """What one owner holds in one currency. Amounts are integers of minor units.

    `forced_overdraft` is how far a forced reversal took the balance below its overdraft limit: it
    allows no spending, and shrinks as money comes in. `version` counts every change; `entry_count`
    counts those that moved money, and is the version of the last ledger entry. Only
    `transactions.posting` changes amounts. A freeze that has ended stays in `status` until it is
    cleared: ask `status_at`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="balances"
    )
    house = models.CharField(max_length=16, choices=House, null=True)  # noqa: DJ001 - NULL: a user's
    currency = models.CharField(max_length=CURRENCY_MAX_LENGTH)
    amount = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    overdraft_limit = models.BigIntegerField(default=0)
    forced_overdraft = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)
    entry_count = models.BigIntegerField(default=0)
    status = models.CharField(max_length=16, choices=BalanceStatus, default=BalanceStatus.ACTIVE)
    frozen_until = models.DateTimeField(null=True, blank=True)  # None: until it is unfrozen
    freeze_reason = models.CharField(max_length=REASON_MAX_LENGTH, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            # What `expire_pending` looks for.
            models.Index(fields=["frozen_until"], name="balance_by_freeze_end"),
            # For the lists of staff; neither changes when money moves.
            models.Index(fields=["currency"], name="balance_by_currency"),
            models.Index(fields=["status"], name="balance_by_status"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "currency"], name="balance_one_per_user_currency"
            ),
            models.UniqueConstraint(
                fields=["house", "currency"], name="balance_one_per_house_currency"
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=True, house__isnull=False)
                | Q(user__isnull=False, house__isnull=True),
                name="balance_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(house__isnull=True) | Q(house__in=House.values),
                name="balance_house_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=BalanceStatus.values), name="balance_status_known"
            ),
            models.CheckConstraint(condition=~Q(currency=""), name="balance_currency_not_empty"),
            models.CheckConstraint(condition=Q(held__gte=0), name="balance_held_not_negative"),
            models.CheckConstraint(
                condition=Q(overdraft_limit__gte=0), name="balance_overdraft_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(forced_overdraft__gte=0), name="balance_forced_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(house__isnull=False)
                | Q(amount__gte=F("held") - F("overdraft_limit") - F("forced_overdraft")),
                name="balance_within_overdraft",
            ),
            models.CheckConstraint(
                condition=Q(entry_count__gte=0) & Q(version__gte=F("entry_count")),
                name="balance_version_counts_entries",
            ),
            models.CheckConstraint(
                condition=Q(entry_count__gt=0) | Q(amount=0), name="balance_amount_has_entries"
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(FROZEN))
                | Q(frozen_until__isnull=True, freeze_reason=""),
                name="balance_freeze_of_frozen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner_name} {self.currency}"

    @property
    def owner(self) -> Owner:
        return House(self.house) if self.house is not None else int(self.user_id or 0)

    @property
    def owner_name(self) -> str:
        owner = self.owner
        return owner.owner_name if isinstance(owner, House) else str(self.user)

    @property
    def available(self) -> int:
        """What can be spent now, in minor units; below zero, what is owed."""
        return self.amount - self.held + self.overdraft_limit

    def status_at(self, at: datetime) -> BalanceStatus:
        return status_at(self.status, self.frozen_until, at)


class Currency(models.Model):
    """How many decimals the amounts of a currency have in the books. Append-only (triggers): kept
    with the first balance (`balances.decimals`), for ISO 4217 and EXTRA_CURRENCIES may change."""

    code = models.CharField(max_length=CURRENCY_MAX_LENGTH)
    exponent = models.SmallIntegerField("decimals")

    class Meta:
        verbose_name_plural = "currencies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["code"], name="currency_once"),
            models.CheckConstraint(
                condition=Q(exponent__gte=0, exponent__lte=MAX_EXPONENT),
                name="currency_exponent_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class BalanceHistory(models.Model):
    """A ledger entry: what one transaction did to one balance. Append-only (triggers)."""

    balance = models.ForeignKey(Balance, on_delete=models.PROTECT, related_name="entries")
    transaction = models.ForeignKey(
        "transactions.Transaction",
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,  # the unique constraint below begins with it
    )
    delta = models.BigIntegerField()
    amount_before = models.BigIntegerField()
    amount_after = models.BigIntegerField()
    version = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["balance", "version"], name="entry_version_once"),
            models.UniqueConstraint(
                fields=["transaction", "balance"], name="entry_once_per_balance"
            ),
            models.CheckConstraint(
                condition=Q(amount_after=F("amount_before") + F("delta")), name="entry_adds_up"
            ),
            models.CheckConstraint(condition=~Q(delta=0), name="entry_moves_something"),
            models.CheckConstraint(condition=Q(version__gte=1), name="entry_version_from_one"),
        ]

    def __str__(self) -> str:
        return f"entry {self.version} of balance {self.balance_id}"
