from typing import Any

from django.db import migrations, models


def limit_the_limited(apps: Any, _: Any) -> None:
    chat_session = apps.get_model("chat", "ChatSession")
    chosen = models.Q(documents__isnull=False) | models.Q(collections__isnull=False)
    ids = chat_session.objects.filter(chosen).values("pk")
    chat_session.objects.filter(pk__in=ids).update(is_limited=True)


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_collections")]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="is_limited",
            field=models.BooleanField(
                default=False,
                help_text="To the documents and collections chosen, also once they are gone.",
            ),
        ),
        migrations.RunPython(limit_the_limited, migrations.RunPython.noop),
    ]
