/*
 * The congestion control of a hop between an application and its node's proxy, which does not leave the
 * namespace: there is nobody to share a link with. The machine's default may pace (BBR does): a timer for
 * every 64 KiB, which cost a third of a bulk flow's processor time (docs/performance.md). Reno does not pace,
 * and every kernel has it. Between nodes the machine's default stays.
 *
 * Set on each of a hop's four sockets: an application's captured one and its accepted one by the metric of
 * the capture table's route, the proxy's accepted one by its listener, its connecting one by the connect
 * hook, as is a captured one whose destination is the namespace's own, an outbound on loopback say: the
 * capture table has no part in its way.
 */
#ifndef SLUICE_LOCAL_HOP_H
#define SLUICE_LOCAL_HOP_H

#define SLUICE_LOCAL_CONGESTION_CONTROL "reno"

#endif
