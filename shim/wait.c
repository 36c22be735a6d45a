// The wait inside the host's wait: a uv_prepare handler of the thread's own libuv loop is the blocking `enter`, and
// libuv's backend descriptor is watched by our kernel. libuv itself then only looks. JavaScript is never called from
// here.
#include "shim.h"
#include <errno.h>
#include <stdlib.h>

// libuv 1.x and Node-API, as far as they are used. Weak: without them, in a host that is not Node, attach says -ENOSYS.
#define WEAK extern __attribute__((weak))
enum { UV_CHECK = 2, UV_IDLE = 6, UV_PREPARE = 9 }; // uv_handle_type
WEAK void *uv_default_loop(void);
WEAK size_t uv_handle_size(int type);
WEAK void *uv_handle_get_data(const void *handle);
WEAK void uv_handle_set_data(void *handle, void *data);
WEAK int uv_prepare_init(void *loop, void *handle);
WEAK int uv_prepare_start(void *handle, void (*callback)(void *));
WEAK int uv_check_init(void *loop, void *handle);
WEAK int uv_check_start(void *handle, void (*callback)(void *));
WEAK int uv_idle_init(void *loop, void *handle);
WEAK int uv_idle_start(void *handle, void (*callback)(void *));
WEAK int uv_idle_stop(void *handle);
WEAK void uv_close(void *handle, void (*callback)(void *));
WEAK void uv_ref(void *handle);
WEAK void uv_unref(void *handle);
WEAK int uv_backend_fd(const void *loop);
WEAK int uv_backend_timeout(const void *loop);
WEAK void uv_update_time(void *loop);
WEAK int napi_get_uv_event_loop(void *env, void **loop);
WEAK int napi_add_env_cleanup_hook(void *env, void (*hook)(void *), void *arg);
WEAK int napi_remove_env_cleanup_hook(void *env, void (*hook)(void *), void *arg);

/** The first fields of uv_loop_t, the same through all of libuv 1.x on Unix; attach proves it by backend_fd. */
struct uv_prefix {
  void *data;
  unsigned active_handles;
  void *handle_queue[2];
  void *active_reqs;
  void *internal_fields;
  unsigned stop_flag;
  unsigned long flags;
  int backend_fd;
  void *pending_queue[2];
  void *watcher_queue[2];
};

struct mr_wait {
  struct mr_loop *loop; // null: closing
  struct uv_prefix *uv;
  void *prepare, *check, *idle;
  int open_handles;
};

/** Two loops that both block in one prepare phase would keep each other waiting. */
static __thread struct mr_wait *attached;

static bool host_is_libuv(void) {
  return uv_default_loop && uv_handle_size && uv_handle_get_data && uv_handle_set_data && uv_prepare_init &&
         uv_prepare_start && uv_check_init && uv_check_start && uv_idle_init && uv_idle_start && uv_idle_stop &&
         uv_close && uv_ref && uv_unref && uv_backend_fd && uv_backend_timeout && uv_update_time;
}

/** A watcher libuv has not given to its backend yet would be missed by a wait on the backend. */
static bool has_fresh_watchers(const struct uv_prefix *uv) { return uv->watcher_queue[0] != (void *)uv->watcher_queue; }

static bool prefix_is_true(const struct uv_prefix *uv) {
  if (uv->backend_fd != uv_backend_fd(uv) || uv->backend_fd < 0) return false;
  void **next = uv->watcher_queue[0]; // {next, prev}, linked back to here
  return next && next[1] == (void *)uv->watcher_queue;
}

static int64_t sooner(int64_t a, int64_t b) { return a < 0 ? b : b < 0 || a < b ? a : b; }

static void only_look(void *idle) { (void)idle; }

/** Enters with the core's wishes, and waits as long as libuv has nothing to do either, at most `most_ns`. */
static int enter_with_host(struct mr_wait *wait, int64_t most_ns) {
  struct mr_loop *loop = wait->loop;
  int host_ms = has_fresh_watchers(wait->uv) ? 0 : uv_backend_timeout(wait->uv);
  int64_t ns = sooner(MR_CONTROL(loop, int64_t, WAIT_NS), host_ms < 0 ? -1 : host_ms * INT64_C(1000000));
  uint32_t min = MR_CONTROL(loop, uint32_t, WAIT_MIN);
  return mr_loop_enter(loop, MR_CONTROL(loop, uint32_t, CALL_COUNT), mr_sq_pending(loop), min, sooner(ns, most_ns));
}

static void on_prepare(void *handle) {
  struct mr_wait *wait = uv_handle_get_data(handle);
  int r = enter_with_host(wait, -1);
  if (r < 0 && r != -ETIME) return; // a wait that fails must not spin: libuv waits itself
  uv_update_time(wait->uv);
  uv_idle_start(wait->idle, only_look);
}

static void on_check(void *handle) {
  struct mr_wait *wait = uv_handle_get_data(handle);
  uv_idle_stop(wait->idle);
}

static void on_close(void *handle) {
  struct mr_wait *wait = uv_handle_get_data(handle);
  free(handle);
  if (--wait->open_handles == 0) free(wait);
}

static void on_env_cleanup(void *arg) { mr_close(((struct mr_loop *)arg)->handle); }

static int adopt(struct mr_loop *loop, void *env) {
  if (!env || !napi_add_env_cleanup_hook || !napi_remove_env_cleanup_hook) return -ENOSYS;
  if (loop->env) return 0;
  if (napi_add_env_cleanup_hook(env, on_env_cleanup, loop) != 0) return -EINVAL;
  loop->env = env;
  return 0;
}

int mr_adopt(int handle, void *env) {
  struct mr_loop *loop = mr_loop_at(handle);
  return loop ? adopt(loop, env) : -EBADF;
}

void mr_orphan(struct mr_loop *loop) {
  if (loop->env) napi_remove_env_cleanup_hook(loop->env, on_env_cleanup, loop);
  loop->env = NULL;
}

static int uv_loop_of(void *env, struct uv_prefix **uv) {
  void *loop = NULL;
  if (!env)
    loop = uv_default_loop();
  else if (!napi_get_uv_event_loop || napi_get_uv_event_loop(env, &loop) != 0)
    return -ENOSYS;
  *uv = loop;
  return loop && prefix_is_true(loop) ? 0 : -ENOSYS;
}

int mr_wait_probe(void) { return host_is_libuv() && prefix_is_true(uv_default_loop()) ? 0 : -ENOSYS; }

static struct mr_wait *new_wait(void) {
  struct mr_wait *wait = calloc(1, sizeof *wait);
  if (!wait) return NULL;
  wait->prepare = malloc(uv_handle_size(UV_PREPARE));
  wait->check = malloc(uv_handle_size(UV_CHECK));
  wait->idle = malloc(uv_handle_size(UV_IDLE));
  if (wait->prepare && wait->check && wait->idle) return wait;
  free(wait->prepare);
  free(wait->check);
  free(wait->idle);
  free(wait);
  return NULL;
}

static void start(struct mr_wait *wait) {
  uv_prepare_init(wait->uv, wait->prepare);
  uv_check_init(wait->uv, wait->check);
  uv_idle_init(wait->uv, wait->idle);
  wait->open_handles = 3;
  uv_handle_set_data(wait->prepare, wait);
  uv_handle_set_data(wait->check, wait);
  uv_handle_set_data(wait->idle, wait);
  uv_unref(wait->check);
  uv_unref(wait->idle);
  uv_prepare_start(wait->prepare, on_prepare);
  uv_check_start(wait->check, on_check);
}

int mr_attach(int handle, void *env) {
  struct mr_loop *loop = mr_loop_at(handle);
  if (!loop) return -EBADF;
  if (loop->wait) return -EALREADY;
  if (!host_is_libuv()) return -ENOSYS;
  struct uv_prefix *uv;
  int r = uv_loop_of(env, &uv);
  if (r < 0) return r;
  if (attached && attached->uv == uv) return -EBUSY;
  struct mr_wait *wait = new_wait();
  if (!wait) return -ENOMEM;
  r = loop->kernel->watch_host(loop, uv->backend_fd);
  if (r < 0) {
    free(wait->prepare);
    free(wait->check);
    free(wait->idle);
    free(wait);
    return r;
  }
  wait->loop = loop;
  wait->uv = uv;
  loop->wait = attached = wait;
  start(wait);
  adopt(loop, env);
  return 0;
}

void mr_wait_release(struct mr_loop *loop) {
  struct mr_wait *wait = loop->wait;
  if (!wait) return;
  loop->kernel->watch_host(loop, -1);
  loop->wait = NULL;
  if (attached == wait) attached = NULL;
  wait->loop = NULL;
  uv_close(wait->prepare, on_close); // stops them too; on_close frees
  uv_close(wait->check, on_close);
  uv_close(wait->idle, on_close);
}

int mr_turn(int handle, uint32_t most_ns) {
  struct mr_loop *loop = mr_loop_at(handle);
  if (!loop) return -EBADF;
  if (!loop->wait) return -EINVAL;
  return enter_with_host(loop->wait, most_ns);
}

int mr_detach(int handle) {
  struct mr_loop *loop = mr_loop_at(handle);
  if (!loop) return -EBADF;
  if (!loop->wait) return -EINVAL;
  mr_wait_release(loop);
  return 0;
}

int mr_ref(int handle, int on) {
  struct mr_loop *loop = mr_loop_at(handle);
  if (!loop) return -EBADF;
  if (!loop->wait) return -EINVAL;
  if (on)
    uv_ref(loop->wait->prepare);
  else
    uv_unref(loop->wait->prepare);
  return 0;
}
