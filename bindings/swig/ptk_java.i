/* Java: direct NIO buffers as arrays, exceptions with status and message, callbacks on the calling thread. */
%include "enumtypeunsafe.swg"
%javaconst(1);
%pragma(java) jniclasscode=%{
  /* -Dorg.ptychokit.library.path=FOLDER, or java.library.path. */
  static {
    String folder = System.getProperty("org.ptychokit.library.path");
    if (folder == null) {
      System.loadLibrary("ptychokit_jni");
    } else {
      System.load(java.nio.file.Path.of(folder, System.mapLibraryName("ptychokit_jni")).toAbsolutePath().toString());
    }
  }
%}
/* Objects are released by delete(); the idiomatic layer calls it from close() or a Cleaner. */
%typemap(javafinalize) SWIGTYPE ""
%{
/* JNI's own UTF-8 is another one. */
static jstring ptk_java_text(JNIEnv *env, const char *text) {
    jsize length = (jsize)strlen(text);
    jbyteArray bytes = env->NewByteArray(length);
    jclass type = env->FindClass("java/lang/String");
    if (bytes == NULL || type == NULL)
        return NULL;
    env->SetByteArrayRegion(bytes, 0, length, (const jbyte *)text);
    return (jstring)env->NewObject(type, env->GetMethodID(type, "<init>", "([BLjava/lang/String;)V"), bytes, env->NewStringUTF("UTF-8"));
}
static void ptk_java_raise(JNIEnv *env, ptk_status status) {
    if (env->ExceptionCheck())
        return; /* the exception of a callback wins */
    jclass type = env->FindClass("org/ptychokit/PtychoKitException");
    if (type == NULL)
        return;
    jmethodID constructor = env->GetMethodID(type, "<init>", "(ILjava/lang/String;)V");
    jstring message = ptk_java_text(env, ptk_last_error_message());
    env->Throw((jthrowable)env->NewObject(type, constructor, (jint)status, message));
}
%}
%typemap(jni) ptk_status "void"
%typemap(jtype) ptk_status "void"
%typemap(jstype) ptk_status "void"
%typemap(javaout) ptk_status { $jnicall; }
%typemap(out, null="") ptk_status {
    if ($1 != PTK_OK) {
        ptk_java_raise(jenv, $1);
        return $null;
    }
}
%typemap(jni) ptk_status ptk_last_error "jint"
%typemap(jtype) ptk_status ptk_last_error "int"
%typemap(jstype) ptk_status ptk_last_error "int"
%typemap(javaout) ptk_status ptk_last_error { return $jnicall; }
%typemap(out) ptk_status ptk_last_error { $result = (jint)$1; }

/* (progress, user_data): a listener or null. */
%typemap(jni) (ptk_progress_fn progress, void *user_data) "jlong"
%typemap(jtype) (ptk_progress_fn progress, void *user_data) "long"
%typemap(jstype) (ptk_progress_fn progress, void *user_data) "ptk_progress_listener"
%typemap(javain) (ptk_progress_fn progress, void *user_data) "ptk_progress_listener.getCPtr($javainput)"
%typemap(in) (ptk_progress_fn progress, void *user_data) {
    ptk_progress_listener *listener = *(ptk_progress_listener **)&$input;
    $1 = listener == NULL ? NULL : ptk_swig_progress;
    $2 = listener;
}
/* (fn, user_data) of the log: a listener or null. */
%typemap(jni) (ptk_log_fn fn, void *user_data) "jlong"
%typemap(jtype) (ptk_log_fn fn, void *user_data) "long"
%typemap(jstype) (ptk_log_fn fn, void *user_data) "ptk_log_listener"
%typemap(javain) (ptk_log_fn fn, void *user_data) "ptk_log_listener.getCPtr($javainput)"
%typemap(in) (ptk_log_fn fn, void *user_data) {
    ptk_log_listener *listener = *(ptk_log_listener **)&$input;
    $1 = listener == NULL ? NULL : ptk_swig_log;
    $2 = listener;
}
%typemap(in, numinputs=0) (char *buf, size_t capacity, size_t *needed_out) { ptk_text_out.bind(&$1, &$2, &$3); }
%typemap(argout) (char *buf, size_t capacity, size_t *needed_out) ""
%typemap(in, numinputs=0) (int64_t *shape_out, int32_t capacity, int32_t *ndim_out) {
    $1 = ptk_shape_out;
    $2 = PTK_MAX_NDIM;
    $3 = &ptk_ndim_out;
}
%typemap(argout) (int64_t *shape_out, int32_t capacity, int32_t *ndim_out) ""
%include <typemaps.i>
%apply double *OUTPUT { double *error_out };
%apply int *OUTPUT { int32_t *major_out, int32_t *minor_out, int32_t *patch_out };

/* An array: a direct buffer in native order, element type and shape. */
%ignore ptk_view::data;
%ignore ptk_view::shape;
%ignore ptk_view::strides;
%ignore ptk_view::ndim;
%ignore ptk_view::device_type;
%ignore ptk_view::device_id;
%typemap(jni) (void *nio, size_t nio_bytes) "jobject"
%typemap(jtype) (void *nio, size_t nio_bytes) "java.nio.ByteBuffer"
%typemap(jstype) (void *nio, size_t nio_bytes) "java.nio.ByteBuffer"
%typemap(javain) (void *nio, size_t nio_bytes) "$javainput"
%typemap(in) (void *nio, size_t nio_bytes) {
    $1 = $input == NULL ? NULL : jenv->GetDirectBufferAddress($input);
    if ($1 == NULL) {
        SWIG_JavaThrowException(jenv, SWIG_JavaIllegalArgumentException, "expected a direct java.nio.ByteBuffer");
        return $null;
    }
    $2 = (size_t)jenv->GetDirectBufferCapacity($input);
}
%typemap(jni) (const int64_t *shape_in, int ndim_in) "jlongArray"
%typemap(jtype) (const int64_t *shape_in, int ndim_in) "long[]"
%typemap(jstype) (const int64_t *shape_in, int ndim_in) "long[]"
%typemap(javain) (const int64_t *shape_in, int ndim_in) "$javainput"
%typemap(in) (const int64_t *shape_in, int ndim_in) {
    if ($input == NULL) {
        SWIG_JavaThrowException(jenv, SWIG_JavaNullPointerException, "no shape");
        return $null;
    }
    $1 = (int64_t *)jenv->GetLongArrayElements($input, NULL);
    $2 = jenv->GetArrayLength($input);
}
%typemap(freearg) (const int64_t *shape_in, int ndim_in) { jenv->ReleaseLongArrayElements($input, (jlong *)$1, JNI_ABORT); }
%typemap(javacode) ptk_view %{
  private java.nio.ByteBuffer keepAlive;

  /** Leave it to the caller to keep the buffer reachable. */
  public ptk_view withoutBuffer() {
    keepAlive = null;
    return this;
  }
%}
%typemap(javaconstruct) ptk_view {
    this($imcall, true);
    keepAlive = nio;
  }
%javaexception("IllegalArgumentException") ptk_view {
    $action
    if (result == NULL) {
        SWIG_JavaThrowException(jenv, SWIG_JavaIllegalArgumentException, "the shape does not fit the buffer or the element type is unknown");
        return $null;
    }
}
%extend ptk_view {
    ptk_view(void *nio, size_t nio_bytes, ptk_dtype dtype, const int64_t *shape_in, int ndim_in) {
        ptk_view view;
        if (ptk_view_init(&view, nio, dtype, ndim_in, shape_in) != PTK_OK)
            return NULL;
        size_t bytes = ptk_dtype_size((enum ptk_dtype_code)dtype);
        for (int i = 0; i < ndim_in; ++i)
            bytes *= (size_t)shape_in[i];
        return bytes > nio_bytes ? NULL : new ptk_view(view);
    }
    ~ptk_view() { delete $self; }
}

/* Generators of the program: a director stands for all networks of one of them. It gives statuses; what it throws all the same is lost. */
%feature("director") ptk_generator_listener;
%{
#include <climits>
#include <memory>
/* Arrays as Java sees them, for a call. */
struct ptk_floats {
    const float *data;
    int64_t count;
};
/* The arrays of weights of a network, in order. */
class ptk_network_weights {
public:
    struct one {
        std::string name;
        std::vector<int64_t> shape;
        int64_t count;
    };
    std::vector<one> all;
    void add(const char *name, const int64_t *shape_in, int ndim_in) {
        one added = {name == NULL ? "" : name, std::vector<int64_t>(shape_in, shape_in + ndim_in), 1};
        for (int i = 0; i < ndim_in; ++i)
            added.count *= shape_in[i] < 1 || shape_in[i] > INT_MAX ? 1 : shape_in[i]; /* the library refuses these */
        all.push_back(added);
    }
};
struct ptk_float_arrays {
    const float *const *data;
    const ptk_network_weights *weights;
};
static JavaVM *ptk_java_machine = NULL;

static jobject ptk_java_buffer(JNIEnv *env, const float *data, int64_t count) {
    return env->NewDirectByteBuffer(const_cast<float *>(data), (jlong)(count * (int64_t)sizeof(float)));
}
static jobjectArray ptk_java_buffers(JNIEnv *env, const ptk_float_arrays &arrays) {
    const std::vector<ptk_network_weights::one> &all = arrays.weights->all;
    jclass type = env->FindClass("java/nio/ByteBuffer");
    jobjectArray buffers = type == NULL ? NULL : env->NewObjectArray((jsize)all.size(), type, NULL);
    for (size_t i = 0; buffers != NULL && i < all.size(); ++i) {
        jobject buffer = ptk_java_buffer(env, arrays.data[i], all[i].count);
        if (buffer == NULL)
            return NULL;
        env->SetObjectArrayElement(buffers, (jsize)i, buffer);
        env->DeleteLocalRef(buffer);
    }
    return buffers;
}
%}
%typemap(jni) ptk_floats "jobject"
%typemap(jtype) ptk_floats "java.nio.ByteBuffer"
%typemap(jstype) ptk_floats "java.nio.ByteBuffer"
%typemap(javain) ptk_floats "$javainput"
%typemap(javadirectorin) ptk_floats "$jniinput"
%typemap(in) ptk_floats { $1 = ptk_floats(); }
%typemap(directorin, descriptor="Ljava/nio/ByteBuffer;") ptk_floats { $input = ptk_java_buffer(jenv, $1.data, $1.count); }
%typemap(jni) ptk_float_arrays "jobjectArray"
%typemap(jtype) ptk_float_arrays "java.nio.ByteBuffer[]"
%typemap(jstype) ptk_float_arrays "java.nio.ByteBuffer[]"
%typemap(javain) ptk_float_arrays "$javainput"
%typemap(javadirectorin) ptk_float_arrays "$jniinput"
%typemap(in) ptk_float_arrays { $1 = ptk_float_arrays(); }
%typemap(directorin, descriptor="[Ljava/nio/ByteBuffer;") ptk_float_arrays { $input = ptk_java_buffers(jenv, $1); }
%nodefaultctor ptk_network_weights;
%nodefaultdtor ptk_network_weights;
class ptk_network_weights {
public:
    void add(const char *name, const int64_t *shape_in, int ndim_in);
};
%inline %{
class ptk_generator_listener {
public:
    virtual ~ptk_generator_listener() {}
    virtual int create(int64_t network, int64_t channels, int64_t side, const char *options, ptk_network_weights *weights) = 0;
    virtual void destroy(int64_t network) = 0;
    virtual int initialise(int64_t network, int64_t index, int64_t seed, ptk_floats values) = 0;
    virtual int forward(int64_t network, ptk_float_arrays weights, int64_t batch, ptk_floats amplitudes, ptk_floats images) = 0;
    virtual int vjp(int64_t network, ptk_float_arrays weights, int64_t batch, ptk_floats amplitudes, ptk_floats gradient,
                    ptk_float_arrays gradients) = 0;
};
%}
%{
/* Local references and exceptions of one call from the library: the frame lets go of the first, and puts back one that was on its way. */
struct ptk_java_frame {
    JNIEnv *env;
    jthrowable pending;
    ptk_java_frame() : env(NULL), pending(NULL) {
        if (ptk_java_machine->GetEnv((void **)&env, JNI_VERSION_1_6) != JNI_OK) {
            env = NULL; /* the director attaches this thread and detaches it */
            return;
        }
        pending = env->ExceptionOccurred();
        if (pending != NULL)
            env->ExceptionClear();
        if (env->PushLocalFrame(32) < 0)
            env->ExceptionClear();
        else
            framed = true;
    }
    ~ptk_java_frame() {
        if (env == NULL)
            return;
        if (env->ExceptionCheck())
            env->ExceptionClear();
        if (framed)
            env->PopLocalFrame(NULL);
        if (pending != NULL)
            env->Throw(pending);
    }
    bool framed = false;
};
template <class Work> ptk_status ptk_java_guarded(Work work) {
    ptk_java_frame frame;
    try {
        return work();
    } catch (...) {
        ptk_set_error_message("an exception left the Java listener");
        return PTK_ERR_CALLBACK;
    }
}

struct ptk_java_network {
    ptk_generator_listener *listener;
    int64_t pixels;
    ptk_network_weights weights;
    static ptk_java_network *of(void *self) { return static_cast<ptk_java_network *>(self); }
    int64_t number() const { return (int64_t)(intptr_t)this; }
    /* The frames of a batch, or the two images of each. */
    ptk_floats frames(const float *data, int64_t batch, int64_t images) const {
        if (batch * images * pixels > INT_MAX / (int64_t)sizeof(float))
            throw 0;
        ptk_floats all = {data, batch * images * pixels};
        return all;
    }
};
static ptk_status ptk_java_create(void **self_out, const ptk_generator_problem *problem, void *listener) {
    return ptk_java_guarded([&]() -> ptk_status {
        std::unique_ptr<ptk_java_network> made(new ptk_java_network());
        made->listener = static_cast<ptk_generator_listener *>(listener);
        made->pixels = problem->channels * problem->side * problem->side;
        ptk_status status = made->listener->create(made->number(), problem->channels, problem->side, problem->options, &made->weights);
        if (status == PTK_OK)
            *self_out = made.release();
        return status;
    });
}
static void ptk_java_destroy(void *self) {
    std::unique_ptr<ptk_java_network> network(ptk_java_network::of(self));
    (void)ptk_java_guarded([&]() -> ptk_status {
        network->listener->destroy(network->number());
        return PTK_OK;
    });
}
static int64_t ptk_java_count(void *self) { return (int64_t)ptk_java_network::of(self)->weights.all.size(); }
static ptk_status ptk_java_parameter(void *self, int64_t index, ptk_generator_parameter *out) {
    const ptk_network_weights::one &one = ptk_java_network::of(self)->weights.all[(size_t)index];
    out->name = one.name.c_str();
    out->ndim = (int64_t)one.shape.size();
    for (size_t i = 0; i < one.shape.size() && i < PTK_MAX_NDIM; ++i)
        out->shape[i] = one.shape[i];
    return PTK_OK;
}
static ptk_status ptk_java_initialise(void *self, int64_t index, uint64_t seed, float *values) {
    ptk_java_network *network = ptk_java_network::of(self);
    return ptk_java_guarded([&]() -> ptk_status {
        ptk_floats all = {values, network->weights.all[(size_t)index].count};
        return network->listener->initialise(network->number(), index, (int64_t)seed, all);
    });
}
static ptk_status ptk_java_forward(void *self, const float *const *parameters, int64_t batch, const float *amplitudes, float *images) {
    ptk_java_network *network = ptk_java_network::of(self);
    return ptk_java_guarded([&]() -> ptk_status {
        ptk_float_arrays weights = {parameters, &network->weights};
        return network->listener->forward(network->number(), weights, batch, network->frames(amplitudes, batch, 1),
                                          network->frames(images, batch, 2));
    });
}
static ptk_status ptk_java_vjp(void *self, const float *const *parameters, int64_t batch, const float *amplitudes, const float *gradient,
                               float *const *gradients) {
    ptk_java_network *network = ptk_java_network::of(self);
    return ptk_java_guarded([&]() -> ptk_status {
        ptk_float_arrays weights = {parameters, &network->weights}, answers = {gradients, &network->weights};
        return network->listener->vjp(network->number(), weights, batch, network->frames(amplitudes, batch, 1),
                                      network->frames(gradient, batch, 2), answers);
    });
}
static void ptk_java_release(void *listener) {
    (void)ptk_java_guarded([&]() -> ptk_status {
        delete static_cast<ptk_generator_listener *>(listener);
        return PTK_OK;
    });
}
%}
%inline %{
/** A generator with its texts. When it was registered, the library releases the listener. */
class ptk_generator_description {
public:
    ptk_generator_description(ptk_generator_listener *listener, const char *name, const char *summary, const char *source,
                              const char *options, int output, bool trains)
        : listener_(listener), name_(text(name)), summary_(text(summary)), source_(text(source)), options_(text(options)), output_(output),
          trains_(trains) {}
#ifndef SWIG
    ptk_generator_table table() const {
        ptk_generator_table table = ptk_generator_table();
        table.struct_size = sizeof table;
        table.abi = PTK_PLUGIN_ABI;
        table.output = output_;
        table.name = name_.c_str();
        table.summary = summary_.c_str();
        table.source = source_.c_str();
        table.options = options_.c_str();
        table.user_data = listener_;
        table.create = ptk_java_create;
        table.destroy = ptk_java_destroy;
        table.parameter_count = ptk_java_count;
        table.parameter = ptk_java_parameter;
        table.initialise = ptk_java_initialise;
        table.forward = ptk_java_forward;
        table.vjp = trains_ ? ptk_java_vjp : NULL;
        table.free_user_data = ptk_java_release;
        return table;
    }
#endif

private:
    static std::string text(const char *given) { return given == NULL ? "" : given; }
    ptk_generator_listener *listener_;
    std::string name_, summary_, source_, options_;
    int output_;
    bool trains_;
};
%}
%typemap(jni) const ptk_generator_table *table "jlong"
%typemap(jtype) const ptk_generator_table *table "long"
%typemap(jstype) const ptk_generator_table *table "ptk_generator_description"
%typemap(javain) const ptk_generator_table *table "ptk_generator_description.getCPtr($javainput)"
%typemap(in) const ptk_generator_table *table (ptk_generator_table filled) {
    ptk_generator_description *description = *(ptk_generator_description **)&$input;
    jenv->GetJavaVM(&ptk_java_machine);
    if (description != NULL)
        filled = description->table();
    $1 = description == NULL ? NULL : &filled;
}

%define PTK_TEXT(NAME)
%exception NAME { $action while (ptk_text_out.again(result)) { $action } }
%typemap(jni) ptk_status NAME "jstring"
%typemap(jtype) ptk_status NAME "String"
%typemap(jstype) ptk_status NAME "String"
%typemap(javaout) ptk_status NAME { return $jnicall; }
%typemap(out, null="NULL") ptk_status NAME {
    if ($1 != PTK_OK) {
        ptk_java_raise(jenv, $1);
        return $null;
    }
    $result = ptk_java_text(jenv, ptk_text_out.bytes.data());
}
%enddef
%define PTK_FACTORY(NAME, TYPE)
%typemap(in, numinputs=0) TYPE **out { ptk_handle_out = NULL; $1 = (TYPE **)&ptk_handle_out; }
%typemap(jni) ptk_status NAME "jlong"
%typemap(jtype) ptk_status NAME "long"
%typemap(jstype) ptk_status NAME "TYPE"
%typemap(javaout) ptk_status NAME {
    long pointer = $jnicall;
    return pointer == 0 ? null : new TYPE(pointer, true);
  }
%typemap(out, null="0") ptk_status NAME {
    if ($1 != PTK_OK) {
        ptk_java_raise(jenv, $1);
        return $null;
    }
    *(void **)&$result = ptk_handle_out;
}
%enddef
%define PTK_SHAPE(NAME)
%typemap(jni) ptk_status NAME "jlongArray"
%typemap(jtype) ptk_status NAME "long[]"
%typemap(jstype) ptk_status NAME "long[]"
%typemap(javaout) ptk_status NAME { return $jnicall; }
%typemap(out, null="NULL") ptk_status NAME {
    if ($1 != PTK_OK) {
        ptk_java_raise(jenv, $1);
        return $null;
    }
    $result = jenv->NewLongArray(ptk_ndim_out);
    jenv->SetLongArrayRegion($result, 0, ptk_ndim_out, (const jlong *)ptk_shape_out);
}
%enddef
