/* Tests of src/web/asset.c and tools/dev/embed: what is in the program is what is in web/, in both
 * forms.
 */
#include "web/asset.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 256 * 1024 };

static char content[FILE_MAX];

static size_t read_all(FILE *file)
{
    ck_assert_ptr_nonnull(file);
    size_t len = fread(content, 1, sizeof(content), file);
    ck_assert_uint_lt(len, sizeof(content));
    return len;
}

static void assert_is_file(const char *name, struct span text)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/web/%s", getenv("TALLYCAST_SRCDIR"), name);
    FILE *file = fopen(path, "r");
    size_t len = read_all(file);
    fclose(file);
    ck_assert_uint_eq(text.len, len);
    ck_assert_mem_eq(text.at, content, len);
}

/* What gzip makes of `text` when it decompresses it. It holds all of it before it is read. */
static size_t decompress(struct span text)
{
    FILE *compressed = tmpfile();
    ck_assert_ptr_nonnull(compressed);
    ck_assert_uint_eq(fwrite(text.at, 1, text.len, compressed), text.len);
    ck_assert_int_eq(fflush(compressed), 0);
    char command[64];
    snprintf(command, sizeof(command), "gzip -dc </proc/%ld/fd/%d", (long)getpid(),
             fileno(compressed));
    FILE *plain = popen(command, "r");
    size_t len = read_all(plain);
    ck_assert_int_eq(pclose(plain), 0);
    fclose(compressed);
    return len;
}

START_TEST(assets_are_the_files)
{
    int count = 0;
    for (const struct asset *asset = assets; asset->name; asset++, count++)
        assert_is_file(asset->name, asset->plain);
    ck_assert_int_ge(count, 9);
}
END_TEST

START_TEST(templates_are_the_files)
{
    int count = 0;
    for (const struct asset_template *each = asset_templates; each->name; each++, count++)
        assert_is_file(each->name, asset_template(each->name));
    ck_assert_int_ge(count, 4);
}
END_TEST

START_TEST(the_compressed_form_is_the_same)
{
    for (const struct asset *asset = assets; asset->name; asset++) {
        ck_assert_uint_eq(decompress(asset->gzip), asset->plain.len);
        ck_assert_mem_eq(content, asset->plain.at, asset->plain.len);
    }
}
END_TEST

/* Neither a name (FLG) nor a time (MTIME) is in gzip's header, so that two builds are equal. */
START_TEST(the_compressed_form_is_reproducible)
{
    static const char header[] = "\x1f\x8b\x08\0\0\0\0\0";
    for (const struct asset *asset = assets; asset->name; asset++)
        ck_assert_mem_eq(asset->gzip.at, header, sizeof(header) - 1);
}
END_TEST

START_TEST(each_has_a_type_and_a_tag_of_its_own)
{
    for (const struct asset *asset = assets; asset->name; asset++) {
        const char *end = strrchr(asset->name, '.');
        const char *type = strcmp(end, ".css") == 0  ? "text/css; charset=utf-8"
                           : strcmp(end, ".js") == 0 ? "text/javascript; charset=utf-8"
                                                     : "image/svg+xml";
        ck_assert_str_eq(asset->type, type);
        ck_assert_uint_eq(strlen(asset->etag), strlen("W/\"0123456789abcdef\""));
        ck_assert_int_eq(strncmp(asset->etag, "W/\"", 3), 0);
        for (const struct asset *other = assets; other < asset; other++)
            ck_assert_str_ne(asset->etag, other->etag);
    }
}
END_TEST

START_TEST(assets_are_found_by_their_whole_name)
{
    const struct asset *found = asset_find("tallycast.css");
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found->name, "tallycast.css");
    ck_assert_ptr_null(asset_find(""));
    ck_assert_ptr_null(asset_find("tallycast.cs"));
    ck_assert_ptr_null(asset_find("tallycast.css2"));
    ck_assert_ptr_null(asset_find("../web/tallycast.css"));
    ck_assert_ptr_null(asset_find("poll.html")); /* a template is no asset */
}
END_TEST

UNIT_MAIN("asset", {"asset", .tests = {{assets_are_the_files},
                                       {templates_are_the_files},
                                       {the_compressed_form_is_the_same},
                                       {the_compressed_form_is_reproducible},
                                       {each_has_a_type_and_a_tag_of_its_own},
                                       {assets_are_found_by_their_whole_name}}})
