"""What an hour of video costs on spot nodes: each line an assumption, a sum or a product. Needs nothing but Python."""

from __future__ import annotations

import argparse

HOURS_A_MONTH = 730


def main() -> None:
    """Print the computation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    option = parser.add_argument
    option("--cpu-hours", type=float, default=8.0, help="CPU hours that one hour of video takes, all tasks together")
    option("--vcpus", type=int, default=16, help="of a spot node (c2d-highcpu-16)")
    option("--memory-gib", type=int, default=32, help="of a spot node")
    option("--vcpu-usd", type=float, default=0.00736, help="spot price of a vCPU for an hour (C2D)")
    option("--gib-usd", type=float, default=0.000987, help="spot price of a GiB of memory for an hour (C2D)")
    option("--disk-usd", type=float, default=200 * 0.10 / HOURS_A_MONTH, help="price of a node's boot disk for an hour")
    option("--busy", type=float, default=0.75, help="share of a node's vCPUs that encodes")
    option("--lost", type=float, default=0.05, help="share of the work that is done again, as its node was taken")
    option("--stored-gb", type=float, default=6.0, help="of the work bucket, by one hour of video, for a month")
    option("--gb-usd", type=float, default=0.020, help="price of a GB in the bucket for a month")
    option("--operations-usd", type=float, default=0.002, help="of the buckets, by one hour of video")
    option("--standing-usd", type=float, default=0.10 + 2 * 0.134 + 0.14, help="an hour: cluster, two nodes, database")
    option("--videos", type=float, default=1000.0, help="hours of video in a month")
    given = parser.parse_args()

    node_usd = given.vcpus * given.vcpu_usd + given.memory_gib * given.gib_usd + given.disk_usd
    node_hours = given.cpu_hours * (1 + given.lost) / (given.vcpus * given.busy)
    encoding_usd = node_hours * node_usd
    storage_usd = given.stored_gb * given.gb_usd + given.operations_usd
    standing_usd = given.standing_usd * HOURS_A_MONTH
    total_usd = encoding_usd + storage_usd + standing_usd / given.videos
    print(
        f"a spot node, for an hour   {given.vcpus} vCPU x ${given.vcpu_usd} + {given.memory_gib} GiB x ${given.gib_usd}"
        f" + disk ${given.disk_usd:.3f} = ${node_usd:.3f}\n"
        f"node hours for an hour     {given.cpu_hours:g} CPU h x {1 + given.lost:g} / ({given.vcpus} x {given.busy:g})"
        f" = {node_hours:.2f}\n"
        f"encoding                   {node_hours:.2f} x ${node_usd:.3f} = ${encoding_usd:.3f}\n"
        f"work bucket                {given.stored_gb:g} GB x ${given.gb_usd} + ${given.operations_usd}"
        f" = ${storage_usd:.3f}\n"
        f"standing, of a month       ${given.standing_usd:.3f} x {HOURS_A_MONTH} h = ${standing_usd:.0f}\n"
        f"an hour of video           ${encoding_usd:.3f} + ${storage_usd:.3f} + ${standing_usd:.0f}"
        f" / {given.videos:g} = ${total_usd:.2f}"
    )


if __name__ == "__main__":
    main()
