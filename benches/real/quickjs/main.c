#include <stdio.h>
#include <string.h>

#include <quickjs.h>

#include "data.h"

static const char program[] =
    "(function(n) {\n"
    "  let sum = 0, state = 7;\n"
    "  const random = m => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff, (state >> 8) %% m);\n"
    "  class Shape { constructor(w, h) { this.w = w; this.h = h; } area() { return this.w * this.h; } }\n"
    "  class Square extends Shape { constructor(w) { super(w, w); } area() { return super.area() + 1; } }\n"
    "  const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);\n"
    "  for (let round = 0; round < n; round++) {\n"
    "    sum = (sum + fib(18)) | 0;\n"
    "    const shapes = [];\n"
    "    for (let i = 0; i < 3000; i++)\n"
    "      shapes.push(random(2) ? new Shape(random(90), i %% 7) : new Square(random(90)));\n"
    "    shapes.sort((a, b) => a.area() - b.area() || a.w - b.w);\n"
    "    sum = shapes.reduce((s, shape) => (Math.imul(s, 31) + shape.area()) | 0, sum);\n"
    "    const words = {};\n"
    "    let text = '';\n"
    "    for (let i = 0; i < 3000; i++) text += String.fromCharCode(97 + random(9), 97 + random(9)) + ' ';\n"
    "    for (const word of text.split(' ')) words[word] = (words[word] || 0) + 1;\n"
    "    for (const word of Object.keys(words).sort()) sum = (Math.imul(sum, 31) + words[word]) | 0;\n"
    "    const bytes = new Uint8Array(20000);\n"
    "    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7) ^ (bytes[i >> 1] + round);\n"
    "    for (let i = 0; i < bytes.length; i += 3) sum = (sum + bytes[i] * i) | 0;\n"
    "    sum = (sum + JSON.stringify(JSON.parse(JSON.stringify(shapes.slice(0, 300)))).length) | 0;\n"
    "    sum = (sum + text.replace(/a(b|c)\\s/g, '<$1>').length) | 0;\n"
    "  }\n"
    "  return sum;\n"
    "})(%d)";

int run(int n) {
    char text[sizeof program + 20];
    int length = snprintf(text, sizeof text, program, n), sum = -1;
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    JSValue value = JS_Eval(context, text, (size_t)length, "program", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(value) || JS_ToInt32(context, &sum, value))
        sum = -1;
    JS_FreeValue(context, value);
    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
    return sum;
}
