from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('realtime', '0005_grants_are_announced'),
    ]

    operations = [
        migrations.RenameField(
            model_name='outboxevent',
            old_name='attempt',
            new_name='fence',
        ),
    ]
