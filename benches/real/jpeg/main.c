#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "data.h"

enum { WIDTH = 640, HEIGHT = 400 };

static u8 rgb[WIDTH * HEIGHT * 3], decoded[WIDTH * HEIGHT * 3];

static u8 *encode(unsigned long *length) {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    u8 *packed = NULL;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &packed, length);
    info.image_width = WIDTH;
    info.image_height = HEIGHT;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_c_set_int_param(&info, JINT_COMPRESS_PROFILE, JCP_FASTEST);
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 85, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < HEIGHT) {
        JSAMPROW row = rgb + info.next_scanline * WIDTH * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return packed;
}

static void decode(const u8 *packed, unsigned long length) {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, packed, length);
    jpeg_read_header(&info, TRUE);
    jpeg_start_decompress(&info);
    while (info.output_scanline < HEIGHT) {
        JSAMPROW row = decoded + info.output_scanline * WIDTH * 3;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
}

int run(int n) {
    u32 sum = 0;
    write_picture(rgb, WIDTH, HEIGHT, 8);
    for (int i = 0; i < n; i++) {
        unsigned long length = 0;
        rgb[i % sizeof rgb] ^= 1;
        u8 *packed = encode(&length);
        decode(packed, length);
        sum = mix_bytes(mix(sum, (u32)length), decoded, sizeof decoded / 50);
        free(packed);
    }
    return (int)sum;
}
