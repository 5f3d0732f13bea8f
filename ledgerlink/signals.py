"""What happens in the project itself."""

from django.dispatch import Signal

# user: User, name: str (of the list, such as "ledger entries"), action: str ("started", then
# "completed" or "broken_off"), details: dict of what the trail keeps, "rows" among it at the end
list_exported = Signal()
