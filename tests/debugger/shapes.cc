extern "C" int puts(const char *);

namespace shapes {

struct Base {
    int id;
    virtual int area() const { return id; }
};

class Rect : public Base {
public:
    Rect(int w, int h) : width(w), height(h) { id = ++count; }
    int area() const override { return width * height; }
    inline int half() const { return width / 2; }
    int width, height;
    Rect *peer = nullptr;
    static int count;
    static Rect *last;
};

int Rect::count = 3;
Rect *Rect::last = nullptr;

template <typename T> T largest(const T &a, const T &b)
{
    return a < b ? b : a;
}

}

int measure(const shapes::Rect &rect, shapes::Rect *other)
{
    int h = rect.half();
    int big = shapes::largest(rect.width, other->height);
    int a = rect.area();
    return a + h + big;
}

int main()
{
    shapes::Rect one(4, 5), two(6, 7);
    one.peer = &two;
    two.peer = &one;
    shapes::Rect::last = &two;
    int result = measure(one, &two);
    puts("done");
    return result - 29;
}
