"""Keeps Django's groups equal to the table of roles."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate, post_save
from django.db.transaction import on_commit
from django.dispatch import receiver

from users.identity import forget
from users.models import User
from users.roles import ADMIN_PERMISSIONS, Role


@receiver(post_migrate, dispatch_uid="users.grant_role_permissions")
def grant_role_permissions(using: str, **_kwargs: Any) -> None:
    """Give the group of each role the permissions that the table grants it, and no others."""
    permissions = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    for role, names in ADMIN_PERMISSIONS.items():
        group, _created = Group.objects.using(using).get_or_create(name=role.value)
        group.permissions.set([permissions[name] for name in names if name in permissions])


@receiver(post_save, sender=User, dispatch_uid="users.mirror_role_to_group")
def mirror_role_to_group(instance: User, *, raw: bool, **_kwargs: Any) -> None:
    """Put the user into the group of its role and out of the groups of the other roles."""
    if raw:
        return
    roles = Group.objects.filter(name__in=Role.values)
    groups = {group.name: group for group in roles}
    instance.groups.remove(*[group for name, group in groups.items() if name != instance.role])
    if instance.role in groups:
        instance.groups.add(groups[instance.role])


@receiver(post_save, sender=User, dispatch_uid="users.forget_identity")
def forget_identity(instance: User, **_kwargs: Any) -> None:
    on_commit(lambda: forget(instance.pk), robust=True)
