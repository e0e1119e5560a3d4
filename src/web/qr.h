/* A QR code as SVG, for the big screen. */
#ifndef TALLYCAST_QR_H
#define TALLYCAST_QR_H

#include "base/buffer.h"

/* Appends an SVG image of the text's QR code: black on white whatever is around it, as cameras want
 * it, with the quiet zone of four modules that the standard asks for, and error correction M (15%).
 * The text is only in the code, not in the SVG's markup. Returns 0, or -1 with `out` as it was if
 * memory is short or the text is longer than a code of 177 by 177 modules takes (2,331 bytes). Any
 * thread. */
int qr_svg(struct buffer *out, const char *text) __attribute__((warn_unused_result));

#endif
