/* Callbacks: on which thread, how many, and what happens when the stream is freed. Arguments: URI, API key, directory. */

#include "files.h"
#include <pthread.h>
#include <time.h>
#include <unistd.h>

typedef struct audience {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  siftstream_stream *stream;
  pthread_t caller;
  int calls;
  int freed;
  int may_return;
  uint64_t next_number;
} audience;

static void begin(audience *a, const target *to, const char *stream_name) {
  CHECK(pthread_mutex_init(&a->lock, NULL) == 0 && pthread_cond_init(&a->changed, NULL) == 0);
  a->stream = open_stream(backups_config(to, stream_name));
  a->caller = pthread_self();
  a->calls = a->freed = a->may_return = 0;
  a->next_number = 0;
}

static void add(audience *a, int *count) {
  pthread_mutex_lock(&a->lock);
  ++*count;
  pthread_cond_broadcast(&a->changed);
  pthread_mutex_unlock(&a->lock);
}

static void wait_for(audience *a, const int *count, int least) {
  pthread_mutex_lock(&a->lock);
  while (*count < least) {
    pthread_cond_wait(&a->changed, &a->lock);
  }
  pthread_mutex_unlock(&a->lock);
}

static void on_free(void *of) {
  audience *a = (audience *)of;
  add(a, &a->freed);
}

/* Makes an event. */
static void confirm_a_row(const audience *a) {
  siftstream_row *row = row_of(a->stream, "numbers");
  OK(siftstream_row_set_uint64, (row, 0, 1, &error));
  OK(siftstream_stream_send, (a->stream, row, 10000, &error));
  OK(siftstream_stream_flush_confirmed, (a->stream, 30000, &error));
  OK(siftstream_row_free, (row));
}

static void look(void *of, const siftstream_event *event) {
  audience *a = (audience *)of;
  CHECK(!pthread_equal(a->caller, pthread_self()));
  CHECK(siftstream_event_number(event) == a->next_number++);
  /* The event is only lent, and each function may be called. */
  CHECK(siftstream_event_text(event).len > 0 && watermark(a->stream, SIFTSTREAM_LEVEL_ACCEPTED) <= 3);
  FAILS(SIFTSTREAM_BUSY, siftstream_stream_on_event, (a->stream, look, NULL, NULL, &error));
  add(a, &a->calls);
}

static void all_events_come_in_order_until_the_stream_is_freed(const target *to) {
  audience a;
  begin(&a, to, "in-order");
  confirm_a_row(&a);
  OK(siftstream_stream_on_event, (a.stream, look, &a, on_free, &error));
  wait_for(&a, &a.calls, 2); /* Connected and a checkpoint, from before the callback. */
  confirm_a_row(&a);
  wait_for(&a, &a.calls, 3);
  OK(siftstream_stream_finish, (a.stream, 30000, NULL, &error));
  CHECK(a.freed == 0);
  siftstream_stream *const stream = a.stream;
  OK(siftstream_stream_free, (stream));
  CHECK(a.freed == 1);
}

static void free_the_stream(void *of, const siftstream_event *event) {
  audience *a = (audience *)of;
  OK(siftstream_stream_free, (a->stream));
  CHECK(siftstream_event_text(event).len > 0); /* The event outlives its stream. */
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_checkpoint, (a->stream, &error));
  add(a, &a->calls);
}

static void a_callback_can_free_its_stream_and_is_not_called_again(const target *to) {
  audience a;
  begin(&a, to, "freed-within");
  confirm_a_row(&a);
  OK(siftstream_stream_on_event, (a.stream, free_the_stream, &a, on_free, &error));
  wait_for(&a, &a.freed, 1);
  CHECK(a.calls == 1);
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_free, (a.stream));
}

static void stay(void *of, const siftstream_event *event) {
  audience *a = (audience *)of;
  add(a, &a->calls);
  wait_for(a, &a->may_return, 1);
  CHECK(siftstream_event_text(event).len > 0);
}

static void freeing_does_not_wait_for_ever_and_no_call_begins_after_it(const target *to) {
  audience a;
  begin(&a, to, "stuck");
  confirm_a_row(&a); /* So that two events wait. */
  OK(siftstream_stream_on_event, (a.stream, stay, &a, on_free, &error));
  wait_for(&a, &a.calls, 1);
  OK(siftstream_stream_free, (a.stream));
  CHECK(a.freed == 0 && a.calls == 1);
  add(&a, &a.may_return);
  wait_for(&a, &a.freed, 1);
  CHECK(a.calls == 1);
}

/* Takes its time, and frees what is lent: that does no harm. */
static void take_time(void *of, const siftstream_event *event) {
  audience *a = (audience *)of;
  usleep(50000);
  OK(siftstream_event_free, ((siftstream_event *)(uintptr_t)event));
  add(a, &a->calls);
}

static double seconds(void) {
  struct timespec now;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void freeing_waits_for_a_callback_that_is_busy(const target *to) {
  audience a;
  begin(&a, to, "busy");
  confirm_a_row(&a);
  OK(siftstream_stream_on_event, (a.stream, take_time, &a, on_free, &error));
  const double began = seconds();
  OK(siftstream_stream_free, (a.stream));
  /* It waits for a second at most, which a slow machine may need for less. */
  CHECK((a.freed == 1 && a.calls >= 2) || seconds() - began >= 1);
  wait_for(&a, &a.freed, 1);
}

static void *wait_long(void *of) {
  audience *a = (audience *)of;
  siftstream_event *event = NULL;
  siftstream_status status;
  while ((status = siftstream_stream_wait_event(a->stream, 600000, &event, NULL)) == SIFTSTREAM_OK) {
    OK(siftstream_event_free, (event));
    add(a, &a->calls);
  }
  /* The other answer is that of a call that came after the stream was freed. */
  CHECK(status == SIFTSTREAM_CLOSED || status == SIFTSTREAM_INVALID_ARGUMENT);
  return NULL;
}

static void a_wait_ends_when_the_stream_is_freed(const target *to) {
  audience a;
  begin(&a, to, "waited-for");
  pthread_t waiter;
  CHECK(pthread_create(&waiter, NULL, wait_long, &a) == 0);
  confirm_a_row(&a);
  wait_for(&a, &a.calls, 2);
  OK(siftstream_stream_free, (a.stream));
  CHECK(pthread_join(waiter, NULL) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const target to = {argv[1], argv[2], argv[3]};
  all_events_come_in_order_until_the_stream_is_freed(&to);
  a_callback_can_free_its_stream_and_is_not_called_again(&to);
  freeing_does_not_wait_for_ever_and_no_call_begins_after_it(&to);
  freeing_waits_for_a_callback_that_is_busy(&to);
  a_wait_ends_when_the_stream_is_freed(&to);
  return 0;
}
