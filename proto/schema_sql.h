/* The text of schema.sql, built in. schema_sql.c is made from it by a rule in Makefile.am. */
#ifndef TALLYCAST_PROTO_SCHEMA_SQL_H
#define TALLYCAST_PROTO_SCHEMA_SQL_H

/* Several statements, NUL-terminated; static storage. Any thread. */
extern const char schema_sql[];

#endif
