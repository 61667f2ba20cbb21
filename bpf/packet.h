/*
 * Bounded parsing of one packet as it leaves a workload: addresses, final protocol, ports and TCP flags.
 * Everything that hides the TCP header (fragments, routing headers, endless extension headers) is called out
 * instead of guessed. RFC 791, RFC 8200 sections 4.1-4.6.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include "decide.h"
#include "report.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define ETH_P_ARP 0x0806
#define IPPROTO_ICMP 1
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH 51
#define IPPROTO_ICMPV6 58
#define IPPROTO_DSTOPTS 60
#define SLUICE_MAX_EXTENSIONS 8

#define SLUICE_TCP_FIN 0x01
#define SLUICE_TCP_SYN 0x02
#define SLUICE_TCP_ACK 0x10

struct sluice_packet {
  struct sluice_addr source;
  struct sluice_addr destination;
  __u16 source_port_be;
  __u16 destination_port_be;
  __u8 protocol;
  __u8 flags;   /* TCP */
  __u8 payload; /* TCP: bytes follow the header */
  __u8 icmp_type;
  __u8 fragment;       /* part of a fragmented datagram */
  __u8 later_fragment; /* not the first part: no transport header */
  __u8 opaque;         /* the transport header cannot be found or must not be trusted */
};

static __always_inline int sluice_read(struct __sk_buff* skb, __u32 offset, void* to, __u32 size) {
  return bpf_skb_load_bytes(skb, offset, to, size);
}

static __always_inline void sluice_parse_transport(struct __sk_buff* skb, __u32 offset,
                                                   struct sluice_packet* packet) {
  if (packet->later_fragment) return;
  if (packet->protocol == SLUICE_IPPROTO_TCP || packet->protocol == SLUICE_IPPROTO_UDP) {
    __u16 ports[2];
    if (sluice_read(skb, offset, ports, sizeof(ports))) {
      packet->opaque = 1;
      return;
    }
    packet->source_port_be = ports[0];
    packet->destination_port_be = ports[1];
    __u8 tcp[2]; /* data offset, flags */
    if (packet->protocol != SLUICE_IPPROTO_TCP) return;
    if (sluice_read(skb, offset + 12, tcp, sizeof(tcp))) {
      packet->opaque = 1;
      return;
    }
    packet->flags = tcp[1];
    packet->payload = skb->len > offset + (tcp[0] >> 4) * 4;
  } else if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
    if (sluice_read(skb, offset, &packet->icmp_type, 1)) packet->opaque = 1;
  }
}

static __always_inline int sluice_parse_v4(struct __sk_buff* skb, __u32 offset,
                                           struct sluice_packet* packet) {
  __u8 header[20];
  if (sluice_read(skb, offset, header, sizeof(header))) return -1;
  __u32 length = (header[0] & 0x0f) * 4;
  if ((header[0] >> 4) != 4 || length < 20) return -1;
  __u32 source, destination;
  __builtin_memcpy(&source, &header[12], 4);
  __builtin_memcpy(&destination, &header[16], 4);
  sluice_map_v4(&packet->source, source);
  sluice_map_v4(&packet->destination, destination);
  __u16 fragment = (header[6] << 8 | header[7]) & 0x3fff;
  packet->fragment = fragment != 0;
  packet->later_fragment = (fragment & 0x1fff) != 0;
  packet->protocol = header[9];
  sluice_parse_transport(skb, offset + length, packet);
  return 0;
}

/* One extension header; returns 1 when `next` was one and the walk goes on, 0 at the transport header. */
static __always_inline int sluice_step_v6(struct __sk_buff* skb, __u32* offset, __u8* next,
                                          struct sluice_packet* packet) {
  __u8 kind = *next;
  if (kind != 0 && kind != IPPROTO_ROUTING && kind != IPPROTO_FRAGMENT && kind != IPPROTO_AH &&
      kind != IPPROTO_DSTOPTS)
    return 0;
  __u8 header[4];
  if (sluice_read(skb, *offset, header, sizeof(header))) {
    packet->opaque = 1;
    return 0;
  }
  *next = header[0];
  if (kind == IPPROTO_FRAGMENT) {
    packet->fragment = 1;
    packet->later_fragment = header[2] != 0 || (header[3] & 0xf8) != 0;
    *offset += 8;
    /* Behind the first fragment header of a later part lies payload, whatever it claims to be. */
    return !packet->later_fragment;
  }
  if (kind == IPPROTO_ROUTING)
    packet->opaque = 1; /* the destination in the fixed header is not the final one */
  *offset += kind == IPPROTO_AH ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
  return 1;
}

static __always_inline int sluice_parse_v6(struct __sk_buff* skb, __u32 offset,
                                           struct sluice_packet* packet) {
  __u8 header[40];
  if (sluice_read(skb, offset, header, sizeof(header))) return -1;
  if ((header[0] >> 4) != 6) return -1;
  __builtin_memcpy(packet->source.bytes, &header[8], 16);
  __builtin_memcpy(packet->destination.bytes, &header[24], 16);
  __u8 next = header[6];
  offset += 40;
  int more = 1;
  for (int i = 0; i < SLUICE_MAX_EXTENSIONS && more; i++) more = sluice_step_v6(skb, &offset, &next, packet);
  packet->protocol = next;
  int extension = next == 0 || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT || next == IPPROTO_AH ||
                  next == IPPROTO_DSTOPTS;
  if (extension) packet->opaque = 1;
  if (packet->opaque) return 0;
  sluice_parse_transport(skb, offset, packet);
  return 0;
}

#endif
