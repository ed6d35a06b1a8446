"""The SQL of the embedded PostgreSQL's roles."""

import base64

from config.engines import roles


def test_a_password_is_hashed_as_postgresql_does():
    # Password and salt of the example in RFC 7677, section 3.
    hashed = roles.hash_password("pencil", salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert hashed == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_no_statement_has_a_password_in_it():
    hashes = {"application_hash": roles.hash_password("one", salt=b"salt"), "superuser_hash": "SCRAM-SHA-256$x"}
    assert not [line for line in roles.list_statements(**hashes) if "'one'" in line]


def test_each_statement_is_one_line_as_the_single_user_mode_reads_it():
    assert not [line for line in roles.list_statements(application_hash="x", superuser_hash="y") if "\n" in line]


def test_the_identity_changes_with_each_password():
    assert len({roles.identify(passwords) for passwords in (["a", "b"], ["a", "c"], ["c", "b"], ["ab", ""])}) == 4
