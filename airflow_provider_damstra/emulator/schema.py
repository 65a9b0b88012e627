"""SQL schema of the store. Columns have the names of model fields; dates are sortable UTC strings."""

from __future__ import annotations

import re

VERSION = 1

# Each table has its own range of ids, so that tests detect an id of the wrong resource.
FIRST_IDS = {
    "groups": 101,
    "lessons": 201,
    "ilt_sessions": 401,
    "users": 1001,
    "lesson_versions": 2001,
    "lesson_version_custom_fields": 3001,
    "ilt_attendees": 5001,
    "lesson_schedules": 30001,
}

_SEEDED_TABLES = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    first_name TEXT NOT NULL DEFAULT '', last_name TEXT NOT NULL DEFAULT '',
    email_address TEXT NOT NULL DEFAULT '',
    phone_number TEXT, mobile_number TEXT, employee_number TEXT,
    client_status_id INTEGER NOT NULL DEFAULT 56,
    time_zone TEXT NOT NULL,
    password_set_date TEXT,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL
);
CREATE INDEX users_by_status ON users (client_status_id);
CREATE INDEX users_by_email_address ON users (email_address, client_status_id);
CREATE INDEX users_by_employee_number ON users (employee_number, client_status_id);

CREATE TABLE user_roles (
    user_id INTEGER NOT NULL REFERENCES users,
    role_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, role_id)
) WITHOUT ROWID;
CREATE INDEX users_by_role ON user_roles (role_id, user_id);

CREATE TABLE groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    parent_id INTEGER REFERENCES groups,
    active INTEGER NOT NULL DEFAULT 1,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL
);

CREATE TABLE group_members (
    group_id INTEGER NOT NULL REFERENCES groups,
    user_id INTEGER NOT NULL REFERENCES users,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;
CREATE INDEX groups_of_member ON group_members (user_id, group_id);

CREATE TABLE group_supervisors (
    group_id INTEGER NOT NULL REFERENCES groups,
    user_id INTEGER NOT NULL REFERENCES users,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;
CREATE INDEX groups_of_supervisor ON group_supervisors (user_id, group_id);

CREATE TABLE lessons (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instructor_led INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE lesson_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lesson_id INTEGER NOT NULL REFERENCES lessons,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    duration INTEGER NOT NULL,
    status TEXT NOT NULL,
    in_library INTEGER NOT NULL DEFAULT 0,
    questionnaire_type INTEGER NOT NULL,
    question_count INTEGER NOT NULL, questionnaire_pass_rate INTEGER NOT NULL,
    chapter_count INTEGER NOT NULL,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL,
    UNIQUE (lesson_id, version)
);
CREATE UNIQUE INDEX published_version ON lesson_versions (lesson_id) WHERE status = 'active';

CREATE TABLE lesson_version_custom_fields (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lesson_version_id INTEGER NOT NULL REFERENCES lesson_versions,
    custom_field_id INTEGER NOT NULL,
    custom_field_description TEXT NOT NULL,
    field_id TEXT NOT NULL,
    type TEXT NOT NULL,
    value TEXT NOT NULL,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL
);
CREATE INDEX custom_fields_of_version ON lesson_version_custom_fields (lesson_version_id);

CREATE TABLE lesson_schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users,
    lesson_version_id INTEGER NOT NULL REFERENCES lesson_versions,
    start_date TEXT NOT NULL, end_date TEXT NOT NULL,
    lesson_started_date TEXT,
    lesson_completed_date TEXT,
    lesson_completed_by INTEGER REFERENCES users,
    is_manual INTEGER NOT NULL DEFAULT 0,
    passed INTEGER,
    cancelled_date TEXT,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL
);
CREATE INDEX schedules_of_user ON lesson_schedules (user_id);
CREATE UNIQUE INDEX open_schedule ON lesson_schedules (user_id, lesson_version_id)
    WHERE lesson_completed_date IS NULL AND cancelled_date IS NULL;

CREATE TABLE ilt_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lesson_id INTEGER REFERENCES lessons,
    instructor_id INTEGER NOT NULL REFERENCES users,
    status_id INTEGER NOT NULL DEFAULT 1,
    notes TEXT,
    number_of_places INTEGER,
    location TEXT NOT NULL,
    start_datetime TEXT NOT NULL, end_datetime TEXT NOT NULL,
    starts_at TEXT NOT NULL, ends_at TEXT NOT NULL,
    ilt_session_cancellation_trainee_notification_enabled INTEGER NOT NULL DEFAULT 1,
    ilt_session_cancellation_instructor_notification_enabled INTEGER NOT NULL DEFAULT 1,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL
);

CREATE TABLE ilt_attendees (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id INTEGER NOT NULL REFERENCES ilt_sessions,
    user_id INTEGER NOT NULL REFERENCES users,
    lesson_schedule_id INTEGER NOT NULL REFERENCES lesson_schedules,
    registering_user_id INTEGER NOT NULL REFERENCES users,
    passed INTEGER NOT NULL DEFAULT 0, attended INTEGER NOT NULL DEFAULT 0,
    created_date TEXT NOT NULL, modified_date TEXT NOT NULL,
    UNIQUE (session_id, user_id)
);
CREATE INDEX attendees_by_schedule ON ilt_attendees (lesson_schedule_id);
"""

# The tables that seeds fill, in an order in which foreign keys allow deleting their rows.
TABLES = re.findall(r"CREATE TABLE (\w+)", _SEEDED_TABLES)[::-1]

SQL = f"""
{_SEEDED_TABLES}
CREATE TABLE webhooks (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL, event TEXT);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
