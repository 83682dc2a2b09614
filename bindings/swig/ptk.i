/* One interface for all languages. Declarations come from the public headers only. */
%module(directors="1") ptychokit
%{
#include <ptychokit/ptychokit.h>
#include <cstring>
#include <new>
#include <string>
#include <vector>
%}
%include <stdint.i>
#ifdef SWIGJAVA
/* int64_t is `long` on LP64, and SWIG's Java `long` is 32 bits wide. */
%apply long long { long, int64_t };
%apply unsigned long long { unsigned long, uint64_t };
#endif

#ifdef SWIGXML
/* The generator of Fortran and Julia reads the declarations as they are. */
%define PTK_HANDLE(NAME)
%enddef
%define PTK_TEXT(NAME)
%enddef
%define PTK_FACTORY(NAME, TYPE)
%enddef
%define PTK_SHAPE(NAME)
%enddef
#else
/* Handles become classes that own what they hold. */
%define PTK_HANDLE(NAME)
%nodefaultctor NAME;
struct NAME {};
%extend NAME { ~NAME() { NAME##_free($self); } }
%ignore NAME##_free;
%enddef
#endif
PTK_HANDLE(ptk_context)
PTK_HANDLE(ptk_config)
PTK_HANDLE(ptk_cancel)
PTK_HANDLE(ptk_dataset)
PTK_HANDLE(ptk_model)
PTK_HANDLE(ptk_trainer)
PTK_HANDLE(ptk_reconstructor)
PTK_HANDLE(ptk_canvas)

#ifndef SWIGXML
/* Arrays travel as the language's own buffers, never as addresses. */
%ignore ptk_view_init;
%ignore ptk_view_from_dlpack;
%nodefaultctor ptk_view;
%nodefaultdtor ptk_view;

/* Generators of a program are classes of its language, which fill these in. */
%ignore ptk_generator_problem;
%ignore ptk_generator_parameter;
%ignore ptk_generator_table;
%ignore ptk_plugin;

/* Progress and log through classes that languages derive from. A failing progress callback unwinds to the trampoline and its exception
   stays pending for the interrupted call; a failing log callback interrupts nothing. */
%feature("director") ptk_progress_listener;
%feature("director") ptk_log_listener;
%{
struct ptk_callback_failed {};
%}
#ifdef SWIGPYTHON
%feature("director:except") { if ($error != NULL) throw ptk_callback_failed(); }
%feature("director:except") ptk_log_listener::on_message { if ($error != NULL) PyErr_WriteUnraisable(Py_None); }
#endif
#ifdef SWIGJAVA
%feature("director:except") { if (jenv->ExceptionCheck()) throw ptk_callback_failed(); }
%feature("director:except") ptk_log_listener::on_message { if (jenv->ExceptionCheck()) jenv->ExceptionClear(); }
#endif
%nodefaultctor ptk_progress;
%nodefaultdtor ptk_progress;
%immutable;
%ignore ptk_progress::struct_size;
%inline %{
class ptk_progress_listener {
public:
    virtual ~ptk_progress_listener() {}
    /** Return true to go on. */
    virtual bool on_progress(const ptk_progress *progress) = 0;
};
class ptk_log_listener {
public:
    virtual ~ptk_log_listener() {}
    virtual void on_message(int level, const char *area, const char *message) = 0;
};
%}
%{
static int32_t ptk_swig_progress(const ptk_progress *progress, void *listener) {
    try {
        return static_cast<ptk_progress_listener *>(listener)->on_progress(progress) ? 0 : 1;
    } catch (...) {
        return 1;
    }
}
static void ptk_swig_log(ptk_log_level level, const char *area, const char *message, void *listener) {
    try {
        static_cast<ptk_log_listener *>(listener)->on_message(level, area, message);
    } catch (...) {
    }
}
%}

/* Helpers of the outputs: what a call writes is kept here until its result is converted. */
%{
namespace {
/* The text of (buf, capacity, needed_out): grown and asked for again when it was too small. */
struct ptk_text {
    std::vector<char> bytes = std::vector<char>(1 << 14);
    char **buf = NULL;
    size_t *capacity = NULL;
    size_t needed = 0;
    void bind(char **buf_argument, size_t *capacity_argument, size_t **needed_argument) {
        buf = buf_argument;
        capacity = capacity_argument;
        *needed_argument = &needed;
        *buf = bytes.data();
        *capacity = bytes.size();
    }
    bool again(ptk_status status) {
        if (status != PTK_ERR_BUFFER_TOO_SMALL || needed <= bytes.size())
            return false;
        bytes.resize(needed);
        *buf = bytes.data();
        *capacity = bytes.size();
        return true;
    }
};
thread_local ptk_text ptk_text_out;
thread_local void *ptk_handle_out = NULL;
thread_local int64_t ptk_shape_out[PTK_MAX_NDIM];
thread_local int32_t ptk_ndim_out = 0;
}
%}
#ifdef SWIGPYTHON
%include "ptk_python.i"
#endif
#ifdef SWIGJAVA
%include "ptk_java.i"
#endif

#endif

/* What each call gives back; a test compares these lists with the headers. */
PTK_TEXT(ptk_context_devices)
PTK_TEXT(ptk_context_describe)
PTK_TEXT(ptk_config_to_json)
PTK_TEXT(ptk_config_schema)
PTK_TEXT(ptk_file_describe)
PTK_TEXT(ptk_dataset_describe)
PTK_TEXT(ptk_generator_list)
PTK_TEXT(ptk_generator_describe)
PTK_TEXT(ptk_initializer_list)
PTK_TEXT(ptk_registry_list)
PTK_TEXT(ptk_registry_describe)
PTK_TEXT(ptk_model_describe)
PTK_TEXT(ptk_model_history)
PTK_TEXT(ptk_model_arrays)
PTK_TEXT(ptk_canvas_describe)
PTK_TEXT(ptk_evaluate)
PTK_TEXT(ptk_evaluate_file)
PTK_FACTORY(ptk_context_create, ptk_context)
PTK_FACTORY(ptk_config_create, ptk_config)
PTK_FACTORY(ptk_config_from_json, ptk_config)
PTK_FACTORY(ptk_config_from_yaml, ptk_config)
PTK_FACTORY(ptk_config_load, ptk_config)
PTK_FACTORY(ptk_cancel_create, ptk_cancel)
PTK_FACTORY(ptk_dataset_open, ptk_dataset)
PTK_FACTORY(ptk_simulate, ptk_dataset)
PTK_FACTORY(ptk_dataset_from_arrays, ptk_dataset)
PTK_FACTORY(ptk_dataset_select, ptk_dataset)
PTK_FACTORY(ptk_model_create, ptk_model)
PTK_FACTORY(ptk_model_load, ptk_model)
PTK_FACTORY(ptk_model_import, ptk_model)
PTK_FACTORY(ptk_trainer_create, ptk_trainer)
PTK_FACTORY(ptk_reconstructor_create, ptk_reconstructor)
PTK_FACTORY(ptk_reconstructor_reconstruct, ptk_canvas)
PTK_FACTORY(ptk_reconstructor_refine, ptk_canvas)
PTK_FACTORY(ptk_canvas_create, ptk_canvas)
PTK_FACTORY(ptk_canvas_create_around, ptk_canvas)
PTK_FACTORY(ptk_canvas_load, ptk_canvas)
PTK_SHAPE(ptk_dataset_shape)
PTK_SHAPE(ptk_model_shape)
PTK_SHAPE(ptk_canvas_shape)

%include <ptychokit/base.h>
%include <ptychokit/array.h>
%include <ptychokit/context.h>
%include <ptychokit/dataset.h>
%include <ptychokit/model.h>
%include <ptychokit/plugin.h>
%include <ptychokit/train.h>
%include <ptychokit/reconstruct.h>
%include <ptychokit/evaluate.h>
