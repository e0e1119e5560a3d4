/* schema.sql, built in: schema_sql.c is made from it by a rule in Makefile.am. Static storage; any
 * thread. */
#ifndef TALLYCAST_PROTO_SCHEMA_SQL_H
#define TALLYCAST_PROTO_SCHEMA_SQL_H

#include <stdint.h>

/* The schema's text: several statements, NUL-terminated. */
extern const char schema_sql[];

/* The values that it gives to the pragmas application_id and user_version. */
extern const uint32_t schema_application_id;
extern const uint32_t schema_version;

#endif
