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
