/* The log callback: what it is told, where it is called, and when it goes. Arguments: URI, API key, directory. */

#include "files.h"
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct reader {
  const char *key;
  pthread_t caller;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  siftstream_log_level level;
  int records, events, freed, may_return;
} reader;

static void begin(reader *r, const target *to, siftstream_log_level level) {
  memset(r, 0, sizeof *r);
  CHECK(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_cond_init(&r->changed, NULL) == 0);
  r->key = to->key;
  r->caller = pthread_self();
  r->level = level;
}

static void add(reader *r, int *count) {
  pthread_mutex_lock(&r->lock);
  ++*count;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->lock);
}

static int now(reader *r, const int *count) {
  pthread_mutex_lock(&r->lock);
  const int value = *count;
  pthread_mutex_unlock(&r->lock);
  return value;
}

static void wait_for(reader *r, const int *count, int least) {
  pthread_mutex_lock(&r->lock);
  while (*count < least) {
    pthread_cond_wait(&r->changed, &r->lock);
  }
  pthread_mutex_unlock(&r->lock);
}

static void on_free(void *of) {
  reader *r = (reader *)of;
  add(r, &r->freed);
}

static int contains(siftstream_str whole, const char *part) {
  const size_t len = strlen(part);
  for (size_t at = 0; at + len <= whole.len; at++) {
    if (memcmp(whole.ptr + at, part, len) == 0) {
      return 1;
    }
  }
  return 0;
}

static void look(void *of, siftstream_log_level level, int64_t time_ns, siftstream_str target, siftstream_str message) {
  reader *r = (reader *)of;
  CHECK(!pthread_equal(r->caller, pthread_self()));
  CHECK(level >= SIFTSTREAM_LOG_ERROR && level <= r->level && time_ns > 0);
  CHECK(contains(target, "siftstream::") && message.len > 0 && !contains(message, r->key));
  /* Each function may be called. */
  CHECK(siftstream_log_dropped() == 0);
  if (contains(target, "siftstream::events")) {
    add(r, &r->events);
  }
  add(r, &r->records);
}

/* Logs at least that it is connected, and a checkpoint. */
static void confirm_a_row(siftstream_stream *stream) {
  siftstream_row *row = row_of(stream, "numbers");
  OK(siftstream_row_set_uint64, (row, 0, 1, &error));
  OK(siftstream_stream_send, (stream, row, 10000, &error));
  OK(siftstream_stream_flush_confirmed, (stream, 30000, &error));
  OK(siftstream_row_free, (row));
}

static void end(siftstream_stream *stream) {
  OK(siftstream_stream_finish, (stream, 30000, NULL, &error));
  OK(siftstream_stream_free, (stream));
}

static void nothing_is_logged_before_a_callback_is_set(const target *to) {
  siftstream_stream *stream = open_stream(backups_config(to, "silent"));
  confirm_a_row(stream);
  end(stream);
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
}

static void a_callback_is_told_what_happened_until_it_is_taken_away(const target *to) {
  reader r;
  begin(&r, to, SIFTSTREAM_LOG_TRACE);
  OK(siftstream_set_log_callback, (look, &r, on_free, SIFTSTREAM_LOG_TRACE, &error));
  siftstream_stream *stream = open_stream(backups_config(to, "silenced")), *ended = open_stream(backups_config(to, "told"));
  confirm_a_row(ended);
  end(ended);
  /* Whoever ends logging gets what waits first. */
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
  CHECK(r.freed == 1 && r.events >= 2);
  const int records = r.records;
  confirm_a_row(stream);
  end(stream);
  CHECK(r.records == records && r.freed == 1);
}

static void another_callback_takes_over_the_streams_that_run(const target *to) {
  reader first, second;
  begin(&first, to, SIFTSTREAM_LOG_ERROR);
  begin(&second, to, SIFTSTREAM_LOG_DEBUG);
  OK(siftstream_set_log_callback, (look, &first, on_free, SIFTSTREAM_LOG_ERROR, &error));
  siftstream_stream *stream = open_stream(backups_config(to, "taken-over"));
  confirm_a_row(stream);
  CHECK(first.records == 0);
  OK(siftstream_set_log_callback, (look, &second, on_free, SIFTSTREAM_LOG_DEBUG, &error));
  CHECK(first.freed == 1 && first.records == 0);
  confirm_a_row(stream);
  wait_for(&second, &second.events, 1);
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
  CHECK(second.freed == 1);
  end(stream);
}

static void stay(void *of, siftstream_log_level level, int64_t time_ns, siftstream_str target, siftstream_str message) {
  (void)level, (void)time_ns, (void)target, (void)message;
  reader *r = (reader *)of;
  add(r, &r->records);
  wait_for(r, &r->may_return, 1);
}

static void a_callback_that_hangs_holds_nothing_up(const target *to) {
  reader r;
  begin(&r, to, SIFTSTREAM_LOG_TRACE);
  OK(siftstream_set_log_callback, (stay, &r, on_free, SIFTSTREAM_LOG_TRACE, &error));
  siftstream_stream *stream = open_stream(backups_config(to, "stuck"));
  confirm_a_row(stream);
  wait_for(&r, &r.records, 1);
  confirm_a_row(stream);
  end(stream);
  /* It is not waited for without end; its data lives until it returns. */
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
  CHECK(now(&r, &r.freed) == 0);
  add(&r, &r.may_return);
  wait_for(&r, &r.freed, 1);
  CHECK(r.records == 1);
}

static void leave(void *of, siftstream_log_level level, int64_t time_ns, siftstream_str target, siftstream_str message) {
  (void)level, (void)time_ns, (void)target, (void)message;
  reader *r = (reader *)of;
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
  CHECK(now(r, &r->freed) == 0);
  add(r, &r->records);
}

static void a_callback_can_take_itself_away(const target *to) {
  reader r;
  begin(&r, to, SIFTSTREAM_LOG_TRACE);
  OK(siftstream_set_log_callback, (leave, &r, on_free, SIFTSTREAM_LOG_TRACE, &error));
  siftstream_stream *stream = open_stream(backups_config(to, "left"));
  confirm_a_row(stream);
  wait_for(&r, &r.freed, 1);
  end(stream);
  CHECK(r.records == 1);
}

static void a_forked_child_logs_nothing_until_it_sets_a_callback_of_its_own(const target *to) {
  reader parent, child;
  begin(&parent, to, SIFTSTREAM_LOG_TRACE);
  OK(siftstream_set_log_callback, (look, &parent, on_free, SIFTSTREAM_LOG_TRACE, &error));
  siftstream_stream *stream = open_stream(backups_config(to, "forked"));
  confirm_a_row(stream);
  const pid_t process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    alarm(120); /* A child that hangs fails. */
    const int before = parent.records;
    siftstream_stream *own = open_stream(backups_config(to, "of-the-child"));
    confirm_a_row(own);
    CHECK(parent.records == before && siftstream_log_dropped() == 0);
    end(own);
    begin(&child, to, SIFTSTREAM_LOG_DEBUG);
    OK(siftstream_set_log_callback, (look, &child, on_free, SIFTSTREAM_LOG_DEBUG, &error));
    own = open_stream(backups_config(to, "of-the-child"));
    confirm_a_row(own);
    end(own);
    OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
    CHECK(child.freed == 1 && child.events >= 2 && parent.freed == 0);
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  confirm_a_row(stream);
  end(stream);
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
  CHECK(parent.freed == 1 && parent.events >= 3);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const target to = {argv[1], argv[2], argv[3]};
  nothing_is_logged_before_a_callback_is_set(&to);
  a_callback_is_told_what_happened_until_it_is_taken_away(&to);
  another_callback_takes_over_the_streams_that_run(&to);
  a_callback_that_hangs_holds_nothing_up(&to);
  a_callback_can_take_itself_away(&to);
  a_forked_child_logs_nothing_until_it_sets_a_callback_of_its_own(&to);
  return 0;
}
