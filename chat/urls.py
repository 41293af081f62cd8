from django.urls import path

from chat import views

app_name = "chat"
urlpatterns = [
    path("", views.new_page, name="new"),
    path("sessions/part/", views.sessions_part, name="sessions-part"),
    path("<uuid:session_id>/", views.session_page, name="session"),
    path("<uuid:session_id>/part/", views.session_part, name="session-part"),
    path("messages/<uuid:message_id>/part/", views.message_part, name="message-part"),
]
