"""Addresses of the registry."""

from __future__ import annotations

from django.urls import path

from atalaya.apps.registry import views, views_files

app_name = "registry"

urlpatterns = [
    path("organisations/", views.organisations, name="organisations"),
    path("organisations/add/", views.add_organisation, name="add_organisation"),
    path("organisations/<uuid:pk>/", views.organisation, name="organisation"),
    path("organisations/<uuid:pk>/edit/", views.edit_organisation, name="edit_organisation"),
    path("organisations/<uuid:pk>/remove/", views.remove_organisation, name="remove_organisation"),
    path("organisations/<uuid:pk>/contacts/", views.organisation_contacts, name="organisation_contacts"),
    path("organisations/<uuid:pk>/contacts/add/", views.add_contact, name="add_contact"),
    path("organisations/<uuid:pk>/networks/", views.organisation_networks, name="organisation_networks"),
    path("organisations/<uuid:pk>/networks/add/", views.add_network, name="add_network"),
    path("contacts/", views.contacts, name="contacts"),
    path("contacts/<uuid:pk>/", views.contact, name="contact"),
    path("contacts/<uuid:pk>/edit/", views.edit_contact, name="edit_contact"),
    path("contacts/<uuid:pk>/remove/", views.remove_contact, name="remove_contact"),
    path("networks/", views.networks, name="networks"),
    path("networks/conflicts/", views.conflicts, name="conflicts"),
    path("networks/<uuid:pk>/", views.network, name="network"),
    path("networks/<uuid:pk>/edit/", views.edit_network, name="edit_network"),
    path("networks/<uuid:pk>/remove/", views.remove_network, name="remove_network"),
    path("owner/", views.look_up, name="look_up"),
    path("teams/", views.teams, name="teams"),
    path("teams/add/", views.add_team, name="add_team"),
    path("teams/<uuid:pk>/", views.team, name="team"),
    path("teams/<uuid:pk>/edit/", views.edit_team, name="edit_team"),
    path("teams/<uuid:pk>/remove/", views.remove_team, name="remove_team"),
    path("certificates/", views_files.certificates, name="certificates"),
    path("certificates/add/", views_files.add_certificates, name="add_certificates"),
    path("certificates/<uuid:pk>/", views_files.certificate, name="certificate"),
    path("certificates/<uuid:pk>/file/", views_files.certificate_file, name="certificate_file"),
    path("certificates/<uuid:pk>/remove/", views_files.remove_certificate, name="remove_certificate"),
    path("members/", views_files.members, name="members"),
    path("members/add/", views_files.add_member, name="add_member"),
    path("members/<int:pk>/", views_files.member, name="member"),
    path("members/<int:pk>/remove/", views_files.remove_member, name="remove_member"),
    path("import/", views_files.import_file, name="import"),
    path("import/<uuid:pk>/", views_files.plan, name="plan"),
    path("export.csv", views_files.export_file, name="export"),
    path("certificates.asc", views_files.all_certificates, name="all_certificates"),
]
