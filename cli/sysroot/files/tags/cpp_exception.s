# The tag of exceptions of C++. A program defines it; libraries import it.
	.tagtype __cpp_exception i32
	.globl __cpp_exception
__cpp_exception:
