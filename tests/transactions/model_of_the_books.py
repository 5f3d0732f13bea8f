"""What the rules of the books say, in the fewest words: dictionaries and integers, no database,
no locks."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from balances.enums import House
from transactions.instructions import Instruction, Order, Reversal, Settlement, StatusChange

DONE = "done"
Key = tuple[Any, str]  # user's id or house account, and currency


@dataclass
class Record:
    """A transaction; amounts in minor units."""

    type: str
    status: str
    source: Key
    destination: Key
    amount: int
    expired: bool = False
    given_back: int = 0


@dataclass
class ModelOfTheBooks:
    """Every balance by its key, every transaction by its id."""

    amounts: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    versions: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    entries: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    # Of what is frozen, how and until when; "over" while the row has not been cleared.
    statuses: dict[Key, tuple[str, Any]] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)  # fingerprint, what was told
    records: dict[UUID, Record] = field(default_factory=dict)

    def count(self) -> dict[str, int]:
        return Counter(record.status for record in self.records.values())

    def available(self, key: Key) -> int:
        """Below zero, what a forced reversal took too much."""
        return self.amounts[key] - self.held[key]

    def begin(self, orders: Sequence[Order]) -> None:
        """What is pending too long on the balances of a batch is let go first; what the batch
        itself is about says so to the one who asks."""
        named = {o.transaction_id for o in orders if isinstance(o, (Settlement, Reversal))}
        touched: set[Key] = set()
        for order in orders:
            match order:
                case Instruction():
                    touched |= {order.source_key, order.destination_key}
                case StatusChange():
                    touched.add(order.account_key)
                case _:
                    record = self.records[order.transaction_id]
                    touched |= {record.source, record.destination}
        self.let_go(touched, named)

    def let_go(self, touched: AbstractSet[Key], named: AbstractSet[UUID] = frozenset()) -> None:
        for pk, record in self.records.items():
            over = record.status == "pending" and record.expired
            if over and record.source in touched and pk not in named:
                self.held[record.source] -= record.amount
                self.versions[record.source] += 1
                record.status = "cancelled"

    def post(self, order: Order) -> tuple[str, bool]:
        """What the caller is told, and whether it was carried out now, not replayed."""
        asked = order.idempotency
        if asked is not None and asked.key in self.keys:
            fingerprint, told = self.keys[asked.key]
            return (told if fingerprint == asked.fingerprint else "idempotency_key_reused"), False
        match order:
            case Settlement():
                told = self._settle(order)
            case Reversal():
                told = self._reverse(order)
            case Instruction():
                told = self._move(order, order)
        self._keep_key(order, told)
        return told, True

    def post_group(self, members: Sequence[Instruction]) -> list[str]:
        trial = deepcopy(self)
        for place, member in enumerate(members):
            told, fresh = trial.post(member)
            if told != DONE:
                if fresh:
                    self._keep_key(member, told)
                if member.id in trial.records:
                    self.records[member.id] = trial.records[member.id]
                return [told if n == place else "group_refused" for n in range(len(members))]
        vars(self).update(vars(trial))
        return [DONE] * len(members)

    def _keep_key(self, order: Order, told: str) -> None:
        if order.idempotency is not None:
            self.keys[order.idempotency.key] = (order.idempotency.fingerprint, told)

    def _move(self, order: Order, i: Instruction) -> str:
        source, destination = i.source_key, i.destination_key
        if source == destination:
            return "self_transfer"
        refusal = self._refusal(i)
        record = Record(i.type, "failed", source, destination, i.amount)
        self.records[order.id] = record
        if refusal is not None:
            return refusal
        if i.expires_at is not None:
            record.status = "pending"
            self.held[source] += i.amount
            self.versions[source] += 1
        else:
            self._complete(record)
        return DONE

    def _refusal(self, i: Instruction) -> str | None:
        source = i.source_key
        if i.expected_version is not None and i.expected_version != self.versions[source]:
            return "version_conflict"
        stopped = self._stopped(source, i.destination_key)
        if stopped is not None:
            return stopped
        covered = isinstance(i.source, House) or i.allow_overdraft
        if not covered and self.available(source) < i.amount:
            return "insufficient_funds"
        least = i.min_balance_after
        if least is not None and self.amounts[source] - self.held[source] - i.amount < least:
            return "minimum_balance_not_kept"
        return None

    def _stopped(self, source: Key, destination: Key) -> str | None:
        paying, _ = self.statuses.get(source, ("active", None))
        paid, _ = self.statuses.get(destination, ("active", None))
        if paying in {"debits_frozen", "frozen"}:
            return "balance_frozen"
        if paid == "frozen":
            return "balance_frozen" if isinstance(source[0], House) else "receiver_unavailable"
        return None

    def freeze(self, change: StatusChange) -> str:
        """Or unfreeze; the reason is always the same here."""
        key, asked = change.account_key, (str(change.status), change.until)
        if self.statuses.get(key, ("active", None)) == asked:
            return "status_unchanged"
        self.statuses[key] = asked
        if asked[0] == "active":
            del self.statuses[key]
        self.versions[key] += 1
        return DONE

    def _complete(self, record: Record) -> None:
        record.status = "completed"
        for key, delta in ((record.source, -record.amount), (record.destination, record.amount)):
            self.amounts[key] += delta
            self.versions[key] += 1
            self.entries[key].append(delta)

    def _settle(self, s: Settlement) -> str:
        record = self.records[s.transaction_id]
        if record.status != "pending":
            return "transaction_not_pending"
        amount = record.amount if s.capture_amount is None else s.capture_amount
        late = amount > 0 and record.expired
        if not late and amount > record.amount:
            return "capture_exceeds_authorized"
        stopped = self._stopped(record.source, record.destination)
        if amount > 0 and not late and stopped is not None:
            return stopped
        self.held[record.source] -= record.amount
        self.versions[record.source] += 1
        if late or amount == 0:
            record.status = "cancelled"
            return "transaction_expired" if late else DONE
        record.amount = amount
        self._complete(record)
        return DONE

    def _reverse(self, r: Reversal) -> str:
        record = self.records[r.transaction_id]
        if record.type == "reversal" or record.status != "completed":
            return "not_reversible"
        left = record.amount - record.given_back
        amount = left if r.amount is None else r.amount
        if amount > left or left == 0:
            return "reversal_exceeds_original"
        (payer, currency), (receiver, _) = record.destination, record.source
        back = Instruction(
            type="reversal",  # type: ignore[arg-type] # a plain word will do here
            source=payer,
            destination=receiver,
            amount=amount,
            currency=currency,
            actor=r.actor,
            allow_overdraft=r.allow_overdraft,
        )
        told = self._move(r, back)
        if told == DONE:
            record.given_back += amount
        return told
