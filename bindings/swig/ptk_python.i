/* Python: PEP 3118 buffers and DLPack tensors as arrays, exceptions with status and message, the GIL released around every call. */
%{
#include <cstring>
/* SWIG 4.3 asks whether the function itself gives nothing back, which is so for all that return a status. */
#if SWIG_VERSION >= 0x040300
#define PTK_APPEND(result, object) SWIG_Python_AppendOutput(result, object, 1)
#else
#define PTK_APPEND(result, object) SWIG_Python_AppendOutput(result, object)
#endif

/* The exception that ptychokit/_errors.py makes of a status and its message. */
static void ptk_python_raise(ptk_status status) {
    if (PyErr_Occurred())
        return; /* the exception of a callback wins */
    const char *text = ptk_last_error_message();
    PyObject *message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *module = message == NULL ? NULL : PyImport_ImportModule("ptychokit._errors");
    PyObject *error = module == NULL ? NULL : PyObject_CallMethod(module, "make", "iO", (int)status, message);
    if (error != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    Py_XDECREF(module);
    Py_XDECREF(message);
}

static ptk_dtype ptk_python_dtype(const char *format, Py_ssize_t size) {
    if (format == NULL)
        return PTK_U8;
    if (*format == '=' || *format == '@' || *format == '<')
        ++format;
    if (!strcmp(format, "f")) return PTK_F32;
    if (!strcmp(format, "d")) return PTK_F64;
    if (!strcmp(format, "Zf") || !strcmp(format, "F")) return PTK_C64;
    if (!strcmp(format, "Zd") || !strcmp(format, "D")) return PTK_C128;
    if (!strcmp(format, "?")) return PTK_BOOL;
    if (strlen(format) != 1)
        return 0;
    if (strchr("bhilq", *format))
        return size == 1 ? PTK_I8 : size == 2 ? PTK_I16 : size == 4 ? PTK_I32 : PTK_I64;
    if (strchr("BHILQ", *format))
        return size == 1 ? PTK_U8 : size == 2 ? PTK_U16 : size == 4 ? PTK_U32 : PTK_U64;
    return 0;
}

/* The beginning of DLPack's managed tensor, up to what is looked at here. */
struct ptk_python_dlpack {
    uint32_t major, minor;
    void *manager, *deleter;
    uint64_t flags; /* bit 0: read only */
};

/* A view of a Python buffer or DLPack tensor, which stays held until the call is over. */
struct ptk_python_array {
    ptk_view view;
    Py_buffer buffer;
    bool held;
    PyObject *capsule;
    ptk_python_array() : view(), buffer(), held(false), capsule(NULL) {}
    ~ptk_python_array() {
        if (held)
            PyBuffer_Release(&buffer);
        Py_XDECREF(capsule);
    }
    /* Tensors of torch and others. The capsule keeps its name, so that its destructor releases the tensor. */
    bool borrow(PyObject *object, bool writable) {
        PyObject *method = PyObject_GetAttrString(object, "__dlpack__");
        PyObject *empty = method == NULL ? NULL : PyTuple_New(0);
        PyObject *keywords = empty == NULL ? NULL : Py_BuildValue("{s(ii)}", "max_version", 1, 0);
        if (keywords != NULL)
            capsule = PyObject_Call(method, empty, keywords);
        Py_XDECREF(keywords);
        Py_XDECREF(empty);
        Py_XDECREF(method);
        if (capsule == NULL)
            return false;
        void *tensor = PyCapsule_IsValid(capsule, "dltensor_versioned") ? PyCapsule_GetPointer(capsule, "dltensor_versioned") : NULL;
        if (tensor == NULL) {
            PyErr_Format(PyExc_TypeError, "%s gives a DLPack tensor of an old version; DLPack 1 is needed", Py_TYPE(object)->tp_name);
            return false;
        }
        ptk_status status = ptk_view_from_dlpack(&view, (const DLManagedTensorVersioned *)tensor);
        if (status != PTK_OK) {
            ptk_python_raise(status);
            return false;
        }
        if (writable && (((const ptk_python_dlpack *)tensor)->flags & 1) != 0) {
            PyErr_SetString(PyExc_BufferError, "the tensor is read only");
            return false;
        }
        return true;
    }
    bool hold(PyObject *object, bool writable) {
        if (!PyObject_CheckBuffer(object) && PyObject_HasAttrString(object, "__dlpack__"))
            return borrow(object, writable);
        if (PyObject_GetBuffer(object, &buffer, PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
            return false;
        held = true;
        view.dtype = ptk_python_dtype(buffer.format, buffer.itemsize);
        if (view.dtype == 0 || buffer.ndim > PTK_MAX_NDIM) {
            PyErr_Format(PyExc_TypeError, "array of format '%s' with %d axes is not supported", buffer.format, buffer.ndim);
            return false;
        }
        view.data = buffer.buf;
        view.ndim = buffer.ndim;
        view.device_type = PTK_DEVICE_CPU;
        for (int i = 0; i < buffer.ndim; ++i) {
            if (buffer.strides[i] % buffer.itemsize != 0) {
                PyErr_SetString(PyExc_ValueError, "strides are not a multiple of the element size");
                return false;
            }
            view.shape[i] = buffer.shape[i];
            view.strides[i] = buffer.strides[i] / buffer.itemsize;
        }
        return true;
    }
};
%}
/* An exception of a callback is raised even where the call had already done its work. */
%typemap(out) ptk_status {
    if ($1 != PTK_OK || PyErr_Occurred()) {
        ptk_python_raise($1);
        SWIG_fail;
    }
    $result = SWIG_Py_Void();
}
/* Queries that return a status as their value. */
%typemap(out) ptk_status ptk_last_error { $result = PyLong_FromLong($1); }

%typemap(in) const ptk_view * (ptk_python_array array) {
    if ($input == Py_None) {
        $1 = NULL;
    } else {
        if (!array.hold($input, false)) SWIG_fail;
        $1 = &array.view;
    }
}
%typemap(in) ptk_view * (ptk_python_array array) {
    if (!array.hold($input, true)) SWIG_fail;
    $1 = &array.view;
}
%typemap(in) (ptk_progress_fn progress, void *user_data) {
    void *pointer = NULL;
    if ($input != Py_None && !SWIG_IsOK(SWIG_ConvertPtr($input, &pointer, $descriptor(ptk_progress_listener *), 0)))
        SWIG_exception_fail(SWIG_TypeError, "expected a ptk_progress_listener or None");
    $1 = pointer == NULL ? NULL : ptk_swig_progress;
    $2 = pointer;
}
%typemap(in) (ptk_log_fn fn, void *user_data) {
    void *pointer = NULL;
    if ($input != Py_None && !SWIG_IsOK(SWIG_ConvertPtr($input, &pointer, $descriptor(ptk_log_listener *), 0)))
        SWIG_exception_fail(SWIG_TypeError, "expected a ptk_log_listener or None");
    $1 = pointer == NULL ? NULL : ptk_swig_log;
    $2 = pointer;
}
%typemap(in, numinputs=0) (char *buf, size_t capacity, size_t *needed_out) { ptk_text_out.bind(&$1, &$2, &$3); }
%typemap(argout) (char *buf, size_t capacity, size_t *needed_out) {
    $result = PTK_APPEND($result, PyUnicode_FromString(ptk_text_out.bytes.data()));
}
%typemap(in, numinputs=0) (int64_t *shape_out, int32_t capacity, int32_t *ndim_out) {
    $1 = ptk_shape_out;
    $2 = PTK_MAX_NDIM;
    $3 = &ptk_ndim_out;
}
%typemap(argout) (int64_t *shape_out, int32_t capacity, int32_t *ndim_out) {
    PyObject *shape = PyTuple_New(ptk_ndim_out);
    for (int i = 0; i < ptk_ndim_out; ++i)
        PyTuple_SetItem(shape, i, PyLong_FromLongLong(ptk_shape_out[i]));
    $result = PTK_APPEND($result, shape);
}
%typemap(in, numinputs=0) double *error_out (double value) { $1 = &value; }
%typemap(argout) double *error_out { $result = PTK_APPEND($result, PyFloat_FromDouble(*$1)); }
%typemap(in, numinputs=0) int32_t *major_out (int32_t value), int32_t *minor_out (int32_t value), int32_t *patch_out (int32_t value) { $1 = &value; }
%typemap(argout) int32_t *major_out, int32_t *minor_out, int32_t *patch_out {
    $result = PTK_APPEND($result, PyLong_FromLong(*$1));
}
%typemap(in) enum ptk_status_code, enum ptk_dtype_code { $1 = ($1_ltype)PyLong_AsLong($input); if (PyErr_Occurred()) SWIG_fail; }

%define PTK_TEXT(NAME)
%exception NAME { $action while (ptk_text_out.again(result)) { $action } }
%enddef
%define PTK_FACTORY(NAME, TYPE)
%typemap(in, numinputs=0) TYPE **out (TYPE *handle) { handle = NULL; $1 = &handle; }
%typemap(argout) TYPE **out {
    $result = PTK_APPEND($result, SWIG_NewPointerObj(SWIG_as_voidptr(*$1), $*1_descriptor, SWIG_POINTER_OWN));
}
%enddef
%define PTK_SHAPE(NAME)
%enddef

/* The address of a table that ctypes has laid out (_network.py). */
%typemap(in) const ptk_generator_table *table {
    $1 = (ptk_generator_table *)PyLong_AsVoidPtr($input);
    if (PyErr_Occurred())
        SWIG_fail;
}
