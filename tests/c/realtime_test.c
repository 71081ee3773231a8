/* What loops with deadlines rely on: warm memory, a descriptor for events, and threads where they were put. Arguments: URI,
 * API key. Real-time priorities are tried as far as the system allows them. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "files.h"
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const target *to;

static siftstream_config *live_config(void) {
  return with_numbers(config_for(SIFTSTREAM_MODE_LIVE_ONLY, to, "realtime"));
}

static bool is_readable(int fd, int timeout_ms) {
  struct pollfd asked = {fd, POLLIN, 0};
  return poll(&asked, 1, timeout_ms) == 1 && (asked.revents & POLLIN) != 0;
}

static void the_descriptor_tells_whether_events_wait(const siftstream_stream *stream) {
  int fd = -1, again = -1;
  siftstream_row *row = row_of(stream, "numbers");
  OK(siftstream_stream_event_fd, (stream, &fd, &error));
  OK(siftstream_stream_event_fd, (stream, &again, &error));
  CHECK(fd >= 0 && fd == again);
  for (int turn = 0; turn < 3; turn++) {
    siftstream_event *event = NULL;
    OK(siftstream_stream_send, (stream, row, 10000, &error));
    OK(siftstream_stream_flush_confirmed, (stream, 10000, &error));
    CHECK(is_readable(fd, 10000));
    do {
      CHECK(is_readable(fd, 10000));
      siftstream_event_free(event);
      OK(siftstream_stream_wait_event, (stream, 10000, &event, &error));
    } while (siftstream_event_kind_of(event) != SIFTSTREAM_EVENT_CHECKPOINT);
    OK(siftstream_event_free, (event));
    CHECK(!is_readable(fd, 0));
  }
  OK(siftstream_row_free, (row));
}

static long page_faults(void) {
  struct rusage usage;
  CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
  return usage.ru_minflt;
}

/* 4 MiB of rows after a prefault of 8: some pages of code and queues are touched, not the thousand of the rows. */
static void warm_memory_does_not_fault(const siftstream_stream *stream) {
  siftstream_row *row = row_of(stream, "numbers");
  OK(siftstream_stream_prefault, (stream, 8u << 20, &error));
  OK(siftstream_stream_try_send, (stream, row, &error));
  const long before = page_faults();
  for (int at = 0; at < 40000; at++) {
    OK(siftstream_stream_send, (stream, row, 10000, &error));
  }
  CHECK(page_faults() - before < 200);
  OK(siftstream_row_free, (row));
}

/* How many threads have names that begin with `name` and are as they should be; none, if one of them is not (yet). */
static int threads_that_are(bool (*as_they_should)(pid_t thread), const char *name) {
  int found = 0;
  bool all = true;
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
    char path[300], comm[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
      continue;
    }
    if (fgets(comm, sizeof comm, file) != NULL && strncmp(comm, name, strlen(name)) == 0) {
      found++;
      all = all && as_they_should((pid_t)strtol(entry->d_name, NULL, 10));
    }
    fclose(file);
  }
  closedir(tasks);
  return all ? found : 0;
}

/* A thread has its name a moment before it has its place. */
static void wait_for_threads_that_are(bool (*as_they_should)(pid_t thread), const char *name, int count) {
  for (int turn = 0; threads_that_are(as_they_should, name) < count; turn++) {
    CHECK(turn < 10000);
    usleep(1000);
  }
}

static bool on_cpu_0_and_nice(pid_t thread) {
  cpu_set_t cpus;
  CHECK(sched_getaffinity(thread, sizeof cpus, &cpus) == 0);
  return CPU_COUNT(&cpus) == 1 && CPU_ISSET(0, &cpus) && getpriority(PRIO_PROCESS, (id_t)thread) == 19;
}

static bool ordinary(pid_t thread) { return sched_getscheduler(thread) == SCHED_OTHER; }

static bool fifo(pid_t thread) {
  struct sched_param priority;
  CHECK(sched_getparam(thread, &priority) == 0);
  return sched_getscheduler(thread) == SCHED_FIFO && priority.sched_priority == 3;
}

static void ignore(void *user_data, const siftstream_event *event) {
  (void)user_data;
  (void)event;
}

static void threads_are_where_they_were_put(void) {
  const uint32_t first_cpu = 0;
  siftstream_config *config = live_config();
  OK(siftstream_config_set_thread_name, (config, text("rig"), &error));
  OK(siftstream_config_set_thread_cpus, (config, &first_cpu, 1, &error));
  OK(siftstream_config_set_thread_nice, (config, 19, &error));
  OK(siftstream_config_set_worker_threads, (config, 2, &error));
  siftstream_stream *stream = open_stream(config);
  OK(siftstream_stream_on_event, (stream, ignore, NULL, NULL, &error));
  wait_for_threads_that_are(on_cpu_0_and_nice, "rig-events", 1);
  wait_for_threads_that_are(on_cpu_0_and_nice, "rig-", 3);
  OK(siftstream_stream_free, (stream));
}

static void threads_that_cannot_be_are_refused(void) {
  const uint32_t no_cpu = 1023, never_a_cpu = 1024;
  siftstream_stream *stream = NULL;
  for (int wrong = 0; wrong < 6; wrong++) {
    siftstream_config *config = live_config();
    switch (wrong) {
      case 0: OK(siftstream_config_set_thread_name, (config, text("much too long"), &error)); break;
      case 1: OK(siftstream_config_set_thread_name, (config, text("a b"), &error)); break;
      case 2: OK(siftstream_config_set_thread_cpus, (config, &no_cpu, 1, &error)); break;
      case 3: OK(siftstream_config_set_thread_cpus, (config, &never_a_cpu, 1, &error)); break;
      case 4: OK(siftstream_config_set_thread_nice, (config, 20, &error)); break;
      default: OK(siftstream_config_set_thread_fifo_priority, (config, 100, &error)); break;
    }
    FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_create, (config, 10000, &stream, &error));
    OK(siftstream_config_free, (config));
  }
}

static bool become(int policy, int priority) {
  const struct sched_param of = {.sched_priority = priority};
  return pthread_setschedparam(pthread_self(), policy, &of) == 0;
}

/* A real-time thread creates a stream and sends; the library's threads are ordinary unless it says so. */
static void a_real_time_thread_has_ordinary_helpers(void) {
  if (!become(SCHED_FIFO, 2)) {
    return;
  }
  siftstream_config *config = live_config();
  OK(siftstream_config_set_thread_name, (config, text("plain"), &error));
  siftstream_stream *stream = open_stream(config);
  wait_for_threads_that_are(ordinary, "plain-", 1);
  siftstream_row *row = row_of(stream, "numbers");
  for (int at = 0; at < 1000; at++) {
    const siftstream_status status = siftstream_stream_try_send(stream, row, NULL);
    CHECK(status == SIFTSTREAM_OK || status == SIFTSTREAM_FULL);
    usleep(100);
  }
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_finish, (stream, 10000, NULL, &error));
  OK(siftstream_stream_free, (stream));
  config = live_config();
  OK(siftstream_config_set_thread_name, (config, text("urgent"), &error));
  OK(siftstream_config_set_thread_fifo_priority, (config, 3, &error));
  stream = open_stream(config);
  wait_for_threads_that_are(fifo, "urgent-", 1);
  OK(siftstream_stream_free, (stream));
  CHECK(become(SCHED_OTHER, 0));
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  const target here = {argv[1], argv[2], "/nowhere"};
  to = &here;
  siftstream_stream *stream = open_stream(live_config());
  the_descriptor_tells_whether_events_wait(stream);
  warm_memory_does_not_fault(stream);
  OK(siftstream_stream_finish, (stream, 30000, NULL, &error));
  OK(siftstream_stream_free, (stream));
  threads_are_where_they_were_put();
  threads_that_cannot_be_are_refused();
  a_real_time_thread_has_ordinary_helpers();
  return 0;
}
