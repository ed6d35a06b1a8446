"""The URLs of core: API tokens and the audit trail."""

from django.urls import path

from core.api import views

urlpatterns = [
    path("api/audit", views.AuditTrail.as_view(), name="audit"),
    path("api/tokens", views.Tokens.as_view(), name="tokens"),
    path("api/tokens/<int:token_id>", views.Token.as_view(), name="token"),
]
