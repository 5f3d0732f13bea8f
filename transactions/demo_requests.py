"""What the staff of the demo ask each other for: some of it decided, some of it waiting."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from balances.enums import BalanceStatus
from balances.money import parse_amount
from transactions.approvals import approve, reject, request_approval
from transactions.asked import Adjustment, Asked, Direction, Freeze, LimitChange, ReversalAsked
from transactions.enums import ApprovalStatus
from users.actors import Actor
from users.models import User
from users.roles import Capability


@dataclass(frozen=True, slots=True)
class _Request:
    asked: Asked
    reason: str
    by: str = "finance"
    becomes: ApprovalStatus = ApprovalStatus.REQUESTED
    comment: str = ""


def seed_requests(orders: Mapping[str, UUID], people: Mapping[str, User]) -> int:
    """Make the requests about `orders` (transactions by their reference) and about `people` by
    name; how many were made."""
    staff = {name: people[name] for name in ("finance", "controller")}
    if not all(member.can(Capability.APPROVE) for member in staff.values()):
        return 0  # they were there before, and are somebody else
    finance, controller = map(Actor.of, staff.values())
    requests = list(_requests(orders, people))
    for request in requests:
        by, other = (finance, controller) if request.by == "finance" else (controller, finance)
        made = request_approval(asked=request.asked, reason=request.reason, by=by)
        if request.becomes == ApprovalStatus.APPROVED:
            approve(approval_id=made.pk, by=other, comment=request.comment)
        elif request.becomes == ApprovalStatus.REJECTED:
            reject(approval_id=made.pk, by=other, comment=request.comment)
    return len(requests)


def _requests(orders: Mapping[str, UUID], people: Mapping[str, User]) -> Iterator[_Request]:
    yield _Request(
        ReversalAsked(transaction_id=orders["order 1043"]),
        "The charger was sent back",
        becomes=ApprovalStatus.APPROVED,
    )
    yield _Request(
        Freeze(user_id=people["carol"].pk, currency="JPY", status=BalanceStatus.DEBITS_FROZEN),
        "Card reported stolen",
        becomes=ApprovalStatus.APPROVED,
        comment="Police report seen",
    )
    yield _Request(
        LimitChange(user_id=people["bob"].pk, currency="USD", per_day=_usd("20000.00")),
        "Wants to buy a car",
        becomes=ApprovalStatus.REJECTED,
        comment="Ask for proof of income first",
    )
    yield _Request(
        ReversalAsked(transaction_id=orders["order 1041"], amount=_usd("249.00")),
        "Scratched laptop: part of its price",
    )
    yield _Request(
        Adjustment(
            user_id=people["alice"].pk,
            currency="USD",
            amount=_usd("15.00"),
            direction=Direction.CREDIT,
            description="Fee given back",
        ),
        "The fee was charged twice",
        by="controller",
    )


def _usd(amount: str) -> int:
    return parse_amount(amount, "USD")
