/* What every program tells the agent: verdict counters and events. */
#ifndef SLUICE_REPORT_H
#define SLUICE_REPORT_H

#include "decide.h"
#include "maps.h"

static __always_inline void sluice_count(__u32 workload, __u32 reason) {
  struct sluice_verdict_key key = {workload, reason};
  __u64* counter = bpf_map_lookup_elem(&verdicts, &key);
  if (counter) {
    *counter += 1;
    return;
  }
  __u64 one = 1;
  /* NOEXIST: another CPU may have made the entry in between; then our slot of it is still zero. */
  if (bpf_map_update_elem(&verdicts, &key, &one, BPF_NOEXIST) == 0) return;
  counter = bpf_map_lookup_elem(&verdicts, &key);
  if (counter) *counter += 1;
}

/* Local facts of one event; ports in network order. */
struct sluice_report {
  __u32 workload;
  __u32 reason;
  __u32 pid; /* 0 where no task can be named */
  __u16 local_port_be;
  __u16 remote_port_be;
  __u8 protocol;
};

/* A full ring drops the event; the counters stay exact. Returns the record to submit, or null. */
static __always_inline struct sluice_event* sluice_event_begin(const struct sluice_report* report) {
  struct sluice_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return 0;
  __builtin_memset(event, 0, sizeof(*event));
  event->time_ns = bpf_ktime_get_ns();
  event->workload = report->workload;
  event->reason = report->reason;
  event->pid = report->pid;
  event->local_port_be = report->local_port_be;
  event->remote_port_be = report->remote_port_be;
  event->protocol = report->protocol;
  return event;
}

static __always_inline int sluice_worker_alive(void) {
  __u32 zero = 0;
  struct sluice_heartbeat* beat = bpf_map_lookup_elem(&heartbeat, &zero);
  if (!beat) return 0;
  __u64 last = *(volatile __u64*)&beat->last_beat_ns;
  return sluice_is_alive(bpf_ktime_get_ns(), last);
}

/* Four context words; volatile, because the verifier refuses the 8-byte loads that the compiler would merge
 * them into. */
#define SLUICE_COPY_WORDS(addr, field)                             \
  do {                                                             \
    const volatile __u32* words_ = (const volatile __u32*)(field); \
    __u32 copy_[4] = {words_[0], words_[1], words_[2], words_[3]}; \
    __builtin_memcpy((addr)->bytes, copy_, sizeof(copy_));         \
  } while (0)

static __always_inline void sluice_map_v4(struct sluice_addr* addr, __u32 ip_be) {
  __builtin_memset(addr->bytes, 0, 10);
  addr->bytes[10] = 0xff;
  addr->bytes[11] = 0xff;
  __builtin_memcpy(&addr->bytes[12], &ip_be, 4);
}

#endif
