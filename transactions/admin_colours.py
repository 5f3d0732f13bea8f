"""In which colours the back-office shows what became of something."""

from transactions.enums import ApprovalStatus, TransactionStatus

STATUS_COLOURS = {
    TransactionStatus.COMPLETED: "success",
    TransactionStatus.PENDING: "info",
    TransactionStatus.FAILED: "danger",
    TransactionStatus.CANCELLED: "warning",
}
APPROVAL_COLOURS = {
    ApprovalStatus.REQUESTED: "info",
    ApprovalStatus.APPROVED: "success",
    ApprovalStatus.REJECTED: "danger",
    ApprovalStatus.WITHDRAWN: "warning",
    ApprovalStatus.EXPIRED: "warning",
    ApprovalStatus.FAILED: "danger",
}
