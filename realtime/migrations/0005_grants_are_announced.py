"""What ends or changes a sign-in is announced by the database itself, whoever does it and however.

The payload says which session, token or user, and when; never a key.
"""

from django.db import migrations

ANNOUNCE = """
CREATE FUNCTION realtime_announce_grant() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record := coalesce(OLD, NEW);
    name text;
BEGIN
    name := CASE TG_ARGV[0] WHEN 'session' THEN to_jsonb(changed) ->> 'public_id'
                            ELSE to_jsonb(changed) ->> 'id' END;
    PERFORM pg_notify('realtime_grants', json_build_object(
        TG_ARGV[0], name, 'at', extract(epoch FROM clock_timestamp()))::text);
    RETURN NULL;
END $$;

CREATE TRIGGER realtime_session_ended AFTER DELETE ON realtime_session
    FOR EACH ROW WHEN (OLD.user_id IS NOT NULL)
    EXECUTE FUNCTION realtime_announce_grant('session');
CREATE TRIGGER realtime_session_changed AFTER UPDATE OF expire_date, user_id ON realtime_session
    FOR EACH ROW WHEN (OLD.user_id IS NOT NULL AND
        (OLD.expire_date, OLD.user_id) IS DISTINCT FROM (NEW.expire_date, NEW.user_id))
    EXECUTE FUNCTION realtime_announce_grant('session');
CREATE TRIGGER realtime_token_ended AFTER DELETE ON realtime_apitoken
    FOR EACH ROW EXECUTE FUNCTION realtime_announce_grant('token');
CREATE TRIGGER realtime_token_changed
    AFTER UPDATE OF digest, scopes, expires_at, owner_id ON realtime_apitoken
    FOR EACH ROW EXECUTE FUNCTION realtime_announce_grant('token');
CREATE TRIGGER realtime_user_deleted AFTER DELETE ON auth_user
    FOR EACH ROW EXECUTE FUNCTION realtime_announce_grant('user');
CREATE TRIGGER realtime_user_changed AFTER UPDATE OF password, is_active ON auth_user
    FOR EACH ROW WHEN ((OLD.password, OLD.is_active) IS DISTINCT FROM (NEW.password, NEW.is_active))
    EXECUTE FUNCTION realtime_announce_grant('user');
"""
BE_SILENT = """
DROP TRIGGER realtime_session_ended ON realtime_session;
DROP TRIGGER realtime_session_changed ON realtime_session;
DROP TRIGGER realtime_token_ended ON realtime_apitoken;
DROP TRIGGER realtime_token_changed ON realtime_apitoken;
DROP TRIGGER realtime_user_deleted ON auth_user;
DROP TRIGGER realtime_user_changed ON auth_user;
DROP FUNCTION realtime_announce_grant();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("realtime", "0004_sessions_and_tokens"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunSQL(ANNOUNCE, BE_SILENT)]
