"""In which colours the back-office shows what became of something."""

from transactions.enums import TransactionStatus

STATUS_COLOURS = {
    TransactionStatus.COMPLETED: "success",
    TransactionStatus.PENDING: "info",
    TransactionStatus.FAILED: "danger",
    TransactionStatus.CANCELLED: "warning",
}
