import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# As many chunks in a row as `rag.lexical` writes.
KEEP = """
CREATE TEMPORARY TABLE kept ON COMMIT DROP AS
SELECT owner_id, document_id, term,
    array_agg(chunk_id ORDER BY chunk_id) AS chunks,
    array_agg(least(frequency, 32767)::smallint ORDER BY chunk_id) AS frequencies,
    array_agg(least(length, 32767)::smallint ORDER BY chunk_id) AS lengths
FROM (
    SELECT *, (row_number() OVER (PARTITION BY document_id, term ORDER BY chunk_id) - 1) / 100
        AS part
    FROM rag_posting
) AS numbered
GROUP BY owner_id, document_id, term, part
"""
WRITE = """
INSERT INTO rag_posting (owner_id, document_id, term, chunks, frequencies, lengths)
SELECT owner_id, document_id, term, chunks, frequencies, lengths FROM kept
"""


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0004_collections'),
        ('rag', '0003_what_searches_need'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
        migrations.DeleteModel(
            name='Posting',
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('term', models.CharField(max_length=64)),
                ('chunks', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('frequencies', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('lengths', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='documents.document')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'term'], include=('document', 'chunks', 'frequencies', 'lengths'), name='posting_by_term')],
            },
        ),
        migrations.RunSQL(WRITE, migrations.RunSQL.noop),
    ]
