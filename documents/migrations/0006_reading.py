from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("documents", "0005_batches")]

    operations = [
        migrations.AddField("document", "chunk_tokens", models.PositiveSmallIntegerField(default=220)),
        migrations.AddField("document", "chunk_overlap", models.PositiveSmallIntegerField(default=30)),
        migrations.AddField(
            "document",
            "stored_stage",
            models.CharField(
                blank=True, default="", help_text="The last stage whose outcome is in rows.", max_length=16
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "document",
            "timings",
            models.JSONField(
                blank=True,
                default=dict,
                help_text="Milliseconds of the stages whose outcome is in rows.",
            ),
        ),
        migrations.AddField(
            "document",
            "notes",
            models.JSONField(
                blank=True, default=list, help_text="What of it could not be read, in words."
            ),
        ),
        migrations.AddField("document", "needs_password", models.BooleanField(default=False)),
        migrations.AddField(
            "page",
            "title",
            models.CharField(blank=True, default="", max_length=255),
            preserve_default=False,
        ),
    ]
