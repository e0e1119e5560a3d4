/* Compressed bodies: what zlib reads back, and memory that runs short. */
#include "web/gzip.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct buffer out;

static void free_out(void)
{
    allocations_succeed();
    buffer_free(&out);
}

/* Asserts that the buffer holds, from `begin` on, one member that decodes to these bytes. */
static void assert_holds(size_t begin, struct span plain)
{
    z_stream stream = {0};
    unsigned char *back = malloc(plain.len + 1);
    ck_assert_ptr_nonnull(back);
    ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (unsigned char *)out.bytes + begin;
    stream.avail_in = (unsigned)(out.len - begin);
    stream.next_out = back;
    stream.avail_out = (unsigned)plain.len + 1;
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(stream.total_out, plain.len);
    ck_assert_uint_eq(stream.avail_in, 0);
    ck_assert(plain.len == 0 || memcmp(back, plain.at, plain.len) == 0);
    inflateEnd(&stream);
    free(back);
}

START_TEST(it_is_read_back)
{
    static char bytes[300000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * i >> 7);
    const size_t lengths[] = {0, 1, 100, 65536, sizeof bytes};
    for (size_t i = 0; i < UNIT_COUNT(lengths); i++) {
        buffer_free(&out);
        ck_assert_int_eq(gzip_append(&out, (struct span){bytes, lengths[i]}), 0);
        assert_holds(0, (struct span){bytes, lengths[i]});
    }
}
END_TEST

START_TEST(it_comes_behind_what_is_there)
{
    static const struct span rows = {"<li>lunch</li><li>lunch</li><li>lunch</li>", 42};
    ck_assert_int_eq(buffer_append(&out, "kept", 4), 0);
    ck_assert_int_eq(gzip_append(&out, rows), 0);
    ck_assert_mem_eq(out.bytes, "kept\x1f\x8b", 6);
    assert_holds(4, rows);
}
END_TEST

static int append_body(void)
{
    return gzip_append(&out, (struct span){"a body of some length, to be sure", 33});
}

START_TEST(a_shortage_of_memory_leaves_the_buffer)
{
    ck_assert_uint_gt(allocations_fail_each(&out, append_body), 0);
}
END_TEST

UNIT_MAIN("gzip", {"gzip", .tear_down = free_out,
                   .tests = {{it_is_read_back},
                             {it_comes_behind_what_is_there},
                             {a_shortage_of_memory_leaves_the_buffer}}})
