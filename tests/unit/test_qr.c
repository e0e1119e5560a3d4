/* Tests of src/web/qr.c: the image's modules are those of the code, read back from the path as a
 * browser draws it; what a QR code of any text must have; and the bounds. */
#include "web/qr.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <qrencode.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 177 + 8, LONGEST = 2331 };

static struct buffer out;
static bool dark[SIDE_MAX][SIDE_MAX];
static int side;

/* Draws the image's dark path. */
static void draw(const char *text)
{
    out.len = 0;
    ck_assert_int_eq(qr_svg(&out, text), 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    memset(dark, 0, sizeof(dark));
    const char *box = strstr(out.bytes, "viewBox=\"0 0 ");
    ck_assert_ptr_nonnull(box);
    ck_assert_int_eq(sscanf(box, "viewBox=\"0 0 %d", &side), 1);
    ck_assert_int_le(side, SIDE_MAX);

    const char *at = strstr(out.bytes, "<path d=\"");
    ck_assert_ptr_nonnull(at);
    int x, y, len, back, read;
    for (at += 9; sscanf(at, "M%d %dh%dv1h-%dz%n", &x, &y, &len, &back, &read) == 4; at += read) {
        ck_assert_int_eq(len, back);
        ck_assert_int_le(x + len, side);
        for (int i = 0; i < len; i++)
            dark[y][x + i] = true;
    }
    ck_assert_str_eq(at, "\"/></svg>");
}

static void free_out(void)
{
    allocations_succeed();
    buffer_free(&out);
}

START_TEST(the_image_is_the_code)
{
    static const char text[] = "http://192.168.1.17:3000/p/lunch";
    draw(text);
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    ck_assert_ptr_nonnull(code);
    ck_assert_int_eq(side, code->width + 8);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            bool inside = x >= 4 && y >= 4 && x < side - 4 && y < side - 4;
            bool expected = inside && (code->data[(y - 4) * code->width + x - 4] & 1);
            ck_assert_msg(dark[y][x] == expected, "at %d, %d", x, y);
        }
    QRcode_free(code);
}
END_TEST

/* A finder: a dark square of seven modules, a light one within, and a dark one within that. */
static void assert_finder_at(int left, int top)
{
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 7; x++) {
            bool ring = x == 0 || y == 0 || x == 6 || y == 6;
            bool core = x >= 2 && x <= 4 && y >= 2 && y <= 4;
            ck_assert(dark[top + y][left + x] == (ring || core));
        }
}

START_TEST(three_corners_have_finders)
{
    draw("https://vote.example/p/board");
    assert_finder_at(4, 4);
    assert_finder_at(side - 11, 4);
    assert_finder_at(4, side - 11);
}
END_TEST

START_TEST(light_is_painted_too)
{
    draw("x");
    ck_assert_int_eq(side, 21 + 8);
    ck_assert_ptr_nonnull(strstr(out.bytes, "<path fill=\"#fff\" d=\"M0 0h29v29H0z\"/>"));
}
END_TEST

START_TEST(the_text_does_not_reach_the_svg)
{
    draw("<script>\"&'");
    ck_assert_ptr_null(strstr(out.bytes, "script"));
    ck_assert_ptr_null(strchr(out.bytes, '&'));
}
END_TEST

START_TEST(a_text_that_is_too_long_is_refused)
{
    static char text[LONGEST + 2];
    memset(text, 'x', LONGEST);
    draw(text);
    ck_assert_int_eq(side, SIDE_MAX);
    text[LONGEST] = 'x';
    out.len = 3;
    ck_assert_int_eq(qr_svg(&out, text), -1);
    ck_assert_uint_eq(out.len, 3);
}
END_TEST

static int append_code(void)
{
    return qr_svg(&out, "http://127.0.0.1:3000/p/lunch");
}

START_TEST(a_shortage_of_memory_leaves_what_was_there)
{
    ck_assert_uint_gt(allocations_fail_each(&out, append_code), 2);
}
END_TEST

UNIT_MAIN("qr", {"qr", .tear_down = free_out,
                 .tests = {{the_image_is_the_code},
                           {three_corners_have_finders},
                           {light_is_painted_too},
                           {the_text_does_not_reach_the_svg},
                           {a_text_that_is_too_long_is_refused},
                           {a_shortage_of_memory_leaves_what_was_there}}})
