"""How the back-office looks: unfold's settings, with the sidebar and the first page."""

from django.templatetags.static import static
from django.urls import reverse_lazy


def _page(title: str, icon: str, model: str, description: str, **more: object) -> dict[str, object]:
    """An entry of the back-office's sidebar and first page, for those who may see the model."""
    app, name = model.split(".")
    # Keys belong to their transactions, and are seen by the same people.
    seen_with = "transaction" if name == "idempotencykey" else name
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{seen_with}"),
        "description": description,
        **more,
    }


BACK_OFFICE: dict[str, object] = {
    "SITE_TITLE": "Ledger Link",
    "SITE_HEADER": "Ledger Link",
    "SITE_SUBHEADER": "Back-office",
    "SITE_SYMBOL": "account_balance",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("ledgerlink/favicon.svg"),
        }
    ],
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Two-step sign-in", "link": reverse_lazy("admin:second_factor")},
        ]
    },
    "DASHBOARD_CALLBACK": "transactions.dashboard.overview.show",
    "STYLES": [
        lambda _request: static("ledgerlink/admin.css"),
        lambda _request: static("ledgerlink/dossier.css"),
        lambda _request: static("ledgerlink/dashboard.css"),
        lambda _request: static("ledgerlink/lists.css"),
    ],
    "SCRIPTS": [
        lambda _request: static("ledgerlink/icons.js"),
        lambda _request: static("ledgerlink/once.js"),
    ],
    "SIDEBAR": {
        "navigation": [
            {
                "title": "The books",
                "items": [
                    _page(
                        "Transactions",
                        "swap_horiz",
                        "transactions.transaction",
                        "Deposits, withdrawals and transfers: completed, pending and refused.",
                    ),
                    _page(
                        "Balances",
                        "account_balance_wallet",
                        "balances.balance",
                        "What each user and house account holds: posted, held and available.",
                    ),
                    _page(
                        "Ledger entries",
                        "menu_book",
                        "balances.balancehistory",
                        "Every change of every balance, with the amount before and after.",
                    ),
                ],
            },
            {
                "title": "People and records",
                "items": [
                    _page(
                        "Users",
                        "group",
                        "users.user",
                        "Who has an account, in which role, and whether it is active.",
                    ),
                    _page(
                        "Notes",
                        "sticky_note_2",
                        "users.usernote",
                        "What staff wrote down about users. Added on a user's page.",
                    ),
                    _page(
                        "API keys",
                        "vpn_key",
                        "users.apikey",
                        "The keys of backends: whom they act as, what for, and when last used.",
                    ),
                    _page(
                        "Audit trail",
                        "fact_check",
                        "audit.auditlog",
                        "Who did what, when, and from where. Nothing in it can be changed.",
                    ),
                    _page(
                        "Limits",
                        "speed",
                        "transactions.transactionlimit",
                        "How much a user or a role may send, at once and in a day.",
                    ),
                    _page(
                        "Idempotency keys",
                        "key",
                        "transactions.idempotencykey",
                        "The keys callers sent, so that a request repeated moves money once.",
                    ),
                ],
            },
            {
                "title": "Controls",
                "items": [
                    _page(
                        "Approvals",
                        "how_to_reg",
                        "transactions.approval",
                        "What one person asked for and another one approves or rejects.",
                        badge="transactions.admin_approvals.waiting",
                    ),
                    _page(
                        "Reconciliations",
                        "balance",
                        "transactions.reconciliation",
                        "Each time the books were proved: when, by whom, and what was found.",
                    ),
                    _page(
                        "Currencies",
                        "paid",
                        "balances.currency",
                        "What the books are kept in, and with how many decimals, for good.",
                    ),
                    _page(
                        "Audit seals",
                        "verified",
                        "audit.seal",
                        "What the audit trail held, hour by hour, as hashes that prove it.",
                    ),
                    _page(
                        "Audit verifications",
                        "policy",
                        "audit.verification",
                        "Each time the audit trail was compared with its seals.",
                    ),
                ],
            },
        ],
    },
}
