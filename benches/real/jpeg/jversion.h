#define JVERSION "kernel"
#define JCOPYRIGHT ""
#define JCOPYRIGHT_SHORT ""
