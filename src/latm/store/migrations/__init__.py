"""Migrations: files in ``versions``, applied in order by `latm.store.migrating`.

An old database flows in, one that matches `latm.store.schema` flows out. Invariant: a
migration that was released is never edited; a change of the schema is a new file.
"""
