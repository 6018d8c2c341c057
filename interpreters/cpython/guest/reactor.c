/*
 * The reactor: starts Python once and runs requests in it. The interface is described in
 * shannon_guest.h; what running a program means is in shannon_runner.py. This file decodes
 * requests, calls the runner, and encodes results.
 *
 * Invariant: when an exported function returns, no Python exception is set and the C and Python
 * stacks are as before the call. A program that breaks the runner itself still gets an answer: see
 * describe_failure().
 */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE
#include <Python.h>

#include <internal/pycore_ast.h>
#include <internal/pycore_compile.h>
#include <internal/pycore_parser.h>
#include <internal/pycore_pyarena.h>

#include "shannon_guest.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* Where programs run when the host grants such a folder. */
#define WORKING_FOLDER "/workspace"

/* See take_free_places(). */
#define LARGEST_PLACE ((size_t)1 << 20)
#define SMALLEST_PLACE ((size_t)32)

void __wasm_call_ctors(void);
/* patches/python-interrupt-words.patch */
size_t _PySignal_InterruptWords(volatile void *words[4]);
void _PySignal_ForgetInterrupt(void);
int _PyGC_MakeHeapImmortal(void);          /* patches/python-immortal-objects.patch */
int _PyRandom_Forget(PyObject *generator); /* patches/python-random-seeded-late.patch */
void sqlite3_randomness(int size, void *bytes);

static PyObject *run_function;     /* shannon_runner.run, once initialised */
static PyObject *refresh_function; /* shannon_runner.refresh */
static uint8_t *result;            /* the last run's records; on the heap, or `last_words` */
static uint32_t result_size;
/* For what is said when there is no memory left to say it in. */
static uint8_t last_words[sizeof(struct shannon_record) + 128];

/* ---- start-up ---- */

EXPORT(shannon_abi_version) uint32_t shannon_abi_version(void)
{
    return SHANNON_ABI_VERSION;
}

static bool start_python(uint32_t flags)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    if (flags & SHANNON_INITIALIZE_UNBUFFERED)
        config.buffered_stdio = 0;
    config.install_signal_handlers =
        1; /* KeyboardInterrupt's default handler, as `python` has it */
    char *arguments[] = {(char *)""};
    PyStatus status = PyConfig_SetBytesArgv(&config, 1, arguments);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetString(&config, &config.program_name, L"python3.11");
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "python: cannot start: %s\n",
                status.err_msg != NULL ? status.err_msg : "unknown reason");
        return false;
    }
    return true;
}

/* ---- what the runner cannot do in Python ---- */

/* Compiles a program that was parsed: its statements and, if it ends in an expression whose value
 * is wanted, that as the second code object; None otherwise. */
static PyObject *compile_module(mod_ty module, PyObject *filename, bool wants_value, PyArena *arena)
{
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    asdl_stmt_seq *body = module->v.Module.body;
    Py_ssize_t count = asdl_seq_LEN(body);
    expr_ty value = NULL;
    if (wants_value && count > 0 && asdl_seq_GET(body, count - 1)->kind == Expr_kind) {
        value = asdl_seq_GET(body, count - 1)->v.Expr.value;
        body->size--;
    }
    PyCodeObject *statements = _PyAST_Compile(module, filename, &flags, -1, arena);
    if (statements == NULL)
        return NULL;
    if (value == NULL)
        return Py_BuildValue("(NO)", statements, Py_None);
    /* `flags` has the features that the statements imported from __future__. */
    mod_ty expression = _PyAST_Expression(value, arena);
    PyCodeObject *last =
        expression == NULL ? NULL : _PyAST_Compile(expression, filename, &flags, -1, arena);
    if (last != NULL)
        return Py_BuildValue("(NN)", statements, last);
    Py_DECREF(statements);
    return NULL;
}

/* By way of ast.parse() each part of a program would become a Python object and back. */
static PyObject *compile_program(PyObject *runner, PyObject *arguments)
{
    const char *source;
    Py_ssize_t size;
    PyObject *filename;
    int wants_value;
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    (void)runner;
    if (!PyArg_ParseTuple(arguments, "y#Up", &source, &size, &filename, &wants_value))
        return NULL;
    if (memchr(source, '\0', (size_t)size) != NULL) {
        PyErr_SetString(PyExc_SyntaxError, "source code string cannot contain null bytes");
        return NULL;
    }
    PyArena *arena = _PyArena_New();
    if (arena == NULL)
        return NULL;
    flags.cf_flags = PyCF_SOURCE_IS_UTF8;
    mod_ty module = _PyParser_ASTFromString(source, filename, Py_file_input, &flags, arena);
    PyObject *codes =
        module == NULL ? NULL : compile_module(module, filename, wants_value != 0, arena);
    _PyArena_Free(arena);
    return codes;
}

static PyObject *forget_random_state(PyObject *runner, PyObject *generator)
{
    (void)runner;
    if (_PyRandom_Forget(generator) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef runner_functions[] = {
    {"compile_program", compile_program, METH_VARARGS, NULL},
    {"forget_random_state", forget_random_state, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* The free places in the memory that start-up used are scattered over it, and each object that a
 * program puts into one makes a whole page differ from the image. With these taken, programs begin
 * on pages that hold nothing else. What is taken is never given back. */
static void take_free_places(void)
{
    /* malloc(3): what lies beyond a block for which there was no room before. */
    uint8_t *edge = malloc(LARGEST_PLACE);
    free(edge);
    for (size_t size = LARGEST_PLACE / 2; size >= SMALLEST_PLACE; size /= 2) {
        uint8_t *block;
        do
            block = malloc(size);
        while (block != NULL && block < edge);
        free(block);
    }
    /* Objects/obmalloc.c: blocks of up to 512 bytes, by multiples of 8, in pools of 4 KiB that
     * begin with the number of blocks in use. PYTHONMALLOC can choose what has no pools. */
    if (strcmp(_PyMem_GetCurrentAllocatorName(), "pymalloc") != 0)
        return;
    for (size_t size = 8; size <= 512; size += 8) {
        uint32_t *block;
        do
            block = PyObject_Malloc(size);
        while (block != NULL && *(uint32_t *)((uintptr_t)block & ~(uintptr_t)4095) > 1);
        PyObject_Free(block);
    }
}

static bool preload(PyObject *runner)
{
    PyObject *done = PyObject_CallMethod(runner, "preload", NULL);
    Py_XDECREF(done);
    if (done == NULL)
        return false;
    take_free_places();
    if (_PyGC_MakeHeapImmortal() == 0)
        return true;
    PyErr_NoMemory();
    return false;
}

static bool import_runner(uint32_t flags)
{
    PyObject *runner = PyImport_ImportModule("_shannon_runner");
    if (runner == NULL)
        return false;
    if (PyModule_AddFunctions(runner, runner_functions) < 0) {
        Py_DECREF(runner);
        return false;
    }
    run_function = PyObject_GetAttrString(runner, "run");
    refresh_function = PyObject_GetAttrString(runner, "refresh");
    bool done = run_function != NULL && refresh_function != NULL &&
                ((flags & SHANNON_INITIALIZE_PRELOAD) == 0 || preload(runner));
    Py_DECREF(runner);
    return done;
}

EXPORT(shannon_initialize) int32_t shannon_initialize(uint32_t flags)
{
    static bool called;
    if (called || Py_IsInitialized()) {
        fprintf(stderr, "python: shannon_initialize was called twice, or after _start\n");
        return 1;
    }
    called = true;
    __wasm_call_ctors();
    /* It stays in "/" where there is none. Without a home, Path.home() fails and "~" is a name. */
    if (chdir(WORKING_FOLDER) == 0)
        (void)setenv("HOME", WORKING_FOLDER, 0);
    if (!start_python(flags))
        return 1;
    if (!import_runner(flags)) {
        PyErr_Print();
        return 1;
    }
    return 0;
}

EXPORT(shannon_refresh) int32_t shannon_refresh(void)
{
    if (refresh_function == NULL)
        return 1;
    sqlite3_randomness(0, NULL); /* it seeds itself anew when it is next asked */
    PyObject *done = PyObject_CallNoArgs(refresh_function);
    if (done == NULL)
        PyErr_Print();
    Py_XDECREF(done);
    return done == NULL ? 1 : 0;
}

EXPORT(shannon_interrupt_words) const void *shannon_interrupt_words(void)
{
    static struct shannon_interrupt_words words;
    volatile void *addresses[4];
    words.count = (uint32_t)_PySignal_InterruptWords(addresses);
    for (uint32_t i = 0; i < words.count; i++)
        words.addresses[i] = (uint32_t)(uintptr_t)addresses[i];
    return &words;
}

/* ---- requests ---- */

static void clear_result(void)
{
    if (result != last_words)
        free(result);
    result = NULL;
    result_size = 0;
}

EXPORT(shannon_allocate) void *shannon_allocate(uint32_t size)
{
    clear_result();
    return malloc(size > 0 ? size : 1);
}

struct request {
    bool has_flags;
    uint32_t flags;
    const uint8_t *code;
    uint32_t code_size;
    PyObject *filename;    /* str */
    PyObject *arguments;   /* list of str */
    PyObject *environment; /* dict of str to str */
};

static void clear_request(struct request *request)
{
    Py_CLEAR(request->filename);
    Py_CLEAR(request->arguments);
    Py_CLEAR(request->environment);
}

static const char *read_environment(struct request *request, const char *text, uint32_t length)
{
    const char *equals = memchr(text, '=', length);
    if (equals == NULL || equals == text || memchr(text, '\0', length) != NULL)
        return "an environment record is not NAME=VALUE";
    const char *value = equals + 1;
    PyObject *key = PyUnicode_DecodeUTF8(text, equals - text, "surrogateescape");
    PyObject *content = PyUnicode_DecodeUTF8(value, text + length - value, "surrogateescape");
    int failed =
        key == NULL || content == NULL || PyDict_SetItem(request->environment, key, content) < 0;
    Py_XDECREF(key);
    Py_XDECREF(content);
    return failed ? "out of memory" : NULL;
}

static const char *read_argument(struct request *request, const char *text, uint32_t length)
{
    PyObject *argument = PyUnicode_DecodeUTF8(text, length, "surrogateescape");
    int failed = argument == NULL || PyList_Append(request->arguments, argument) < 0;
    Py_XDECREF(argument);
    return failed ? "out of memory" : NULL;
}

/* Takes one record into *request. Returns NULL, or what is wrong with it. */
static const char *read_record(struct request *request, const struct shannon_record *record,
                               const uint8_t *bytes)
{
    switch (record->kind) {
    case SHANNON_REQUEST_FLAGS:
        if (request->has_flags)
            return "there are two flags records";
        request->has_flags = true;
        if (record->length != sizeof(request->flags))
            return "the flags are not four bytes";
        memcpy(&request->flags, bytes, sizeof(request->flags));
        return NULL;
    case SHANNON_REQUEST_CODE:
        if (request->code != NULL)
            return "there are two code records";
        request->code = bytes;
        request->code_size = record->length;
        return NULL;
    case SHANNON_REQUEST_FILENAME:
        if (request->filename != NULL)
            return "there are two filename records";
        if (record->length == 0 || memchr(bytes, '\0', record->length) != NULL)
            return "the filename is empty or has a NUL byte";
        request->filename =
            PyUnicode_DecodeUTF8((const char *)bytes, record->length, "surrogateescape");
        return request->filename == NULL ? "out of memory" : NULL;
    case SHANNON_REQUEST_ARGUMENT:
        return read_argument(request, (const char *)bytes, record->length);
    case SHANNON_REQUEST_ENVIRONMENT:
        return read_environment(request, (const char *)bytes, record->length);
    default:
        return "a record is of an unknown kind";
    }
}

/* Decodes the records in data[0..size). Returns NULL, or what is wrong with them; clear_request()
 * after either. */
static const char *read_request(struct request *request, const uint8_t *data, uint32_t size)
{
    *request = (struct request){.arguments = PyList_New(0), .environment = PyDict_New()};
    if (request->arguments == NULL || request->environment == NULL)
        return "out of memory";
    uint32_t offset = 0;
    while (offset < size) {
        struct shannon_record record;
        if (size - offset < sizeof(record))
            return "it ends inside a record";
        memcpy(&record, data + offset, sizeof(record));
        offset += sizeof(record);
        if (record.length > size - offset)
            return "a record is longer than the request";
        const char *problem = read_record(request, &record, data + offset);
        if (problem != NULL)
            return problem;
        offset += record.length;
    }
    if (request->code == NULL)
        return "there is no code record";
    if (request->filename == NULL)
        request->filename = PyUnicode_FromString("main.py");
    return request->filename == NULL ? "out of memory" : NULL;
}

/* ---- results ---- */

static uint32_t capped_length(PyObject *text)
{
    if (text == NULL || !PyBytes_Check(text))
        return 0;
    Py_ssize_t length = PyBytes_GET_SIZE(text);
    return length < (Py_ssize_t)SHANNON_RESULT_TEXT_MAXIMUM ? (uint32_t)length
                                                            : SHANNON_RESULT_TEXT_MAXIMUM;
}

/* Encodes texts[0..count), kinds 1 and up; a text that is no bytes object has no record. Out of
 * memory: no result. */
static void write_result(PyObject *const *texts, uint32_t count)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (PyBytes_Check(texts[i]))
            size += (uint32_t)sizeof(struct shannon_record) + capped_length(texts[i]);
    }
    result = malloc(size > 0 ? size : 1);
    if (result == NULL)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!PyBytes_Check(texts[i]))
            continue;
        struct shannon_record record = {.kind = i + 1, .length = capped_length(texts[i])};
        memcpy(result + result_size, &record, sizeof(record));
        memcpy(result + result_size + sizeof(record), PyBytes_AS_STRING(texts[i]), record.length);
        result_size += (uint32_t)sizeof(record) + record.length;
    }
}

/*
 * The runner itself failed: out of memory, an interrupt in a moment that it cannot guard, or the
 * program broke something it stands on. Nothing of Python's own can be relied upon, so only the
 * exception's type is named.
 */
static int32_t describe_failure(void)
{
    PyObject *type = PyErr_Occurred();
    char *name = (char *)last_words + sizeof(struct shannon_record);
    snprintf(name, sizeof(last_words) - sizeof(struct shannon_record), "%s",
             type != NULL && PyType_Check(type) ? ((PyTypeObject *)type)->tp_name
                                                : "unknown error");
    bool interrupted = type != NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    PyErr_Clear();
    if (interrupted)
        fprintf(stderr, "%s\n", name);
    else
        fprintf(stderr,
                "python: the program ended with %s, and left Python in a state that cannot show "
                "more\n",
                name);
    struct shannon_record record = {.kind = SHANNON_RESULT_EXCEPTION_TYPE,
                                    .length = (uint32_t)strlen(name)};
    memcpy(last_words, &record, sizeof(record));
    clear_result();
    result = last_words;
    result_size = (uint32_t)sizeof(record) + record.length;
    return interrupted ? 130 : 1;
}

static int32_t run_request(const struct request *request)
{
    PyObject *answer =
        PyObject_CallFunction(run_function, "Iy#OOO", (unsigned int)request->flags, request->code,
                              (Py_ssize_t)request->code_size, request->filename, request->arguments,
                              request->environment);
    if (answer == NULL || !PyTuple_Check(answer) || PyTuple_GET_SIZE(answer) != 5) {
        Py_XDECREF(answer);
        return describe_failure();
    }
    long status = PyLong_AsLong(PyTuple_GET_ITEM(answer, 0));
    PyErr_Clear();
    write_result(&PyTuple_GET_ITEM(answer, 1), 4);
    Py_DECREF(answer);
    return (int32_t)(status & 0xff);
}

EXPORT(shannon_run) int32_t shannon_run(uint8_t *data, uint32_t size)
{
    clear_result();
    if (run_function == NULL) {
        fprintf(stderr, "python: shannon_run was called before shannon_initialize\n");
        return SHANNON_STATUS_MALFORMED;
    }
    struct request request;
    const char *problem = read_request(&request, data, size);
    int32_t status = SHANNON_STATUS_MALFORMED;
    if (problem == NULL)
        status = run_request(&request);
    else
        fprintf(stderr, "python: the request cannot be decoded: %s\n", problem);
    clear_request(&request);
    PyErr_Clear();
    _PySignal_ForgetInterrupt();
    free(data);
    fflush(NULL);
    return status;
}

EXPORT(shannon_result_address) const void *shannon_result_address(void)
{
    return result;
}

EXPORT(shannon_result_size) uint32_t shannon_result_size(void)
{
    return result_size;
}
