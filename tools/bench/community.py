# SPDX-License-Identifier: Apache-2.0
"""A registry of any size: the same kind of people as in the demo community, by number.

Dwelling lh<n> has the resident lr<n>, the button ls<n> and the wristband lb<n>; every tenth has a family member lf<n>.
Four hundred dwellings are a grid; the workers w01, w02 and the desks are of the site.
"""

from pathlib import Path

LIMITS = "hr_min,hr_max,spo2_min,spo2_max,sys_min,sys_max,dia_min,dia_max,temp_min,temp_max,resp_min,resp_max"


def write(folder, dwellings, families=None):
    """Writes the CSV tables for that many dwellings; returns the folder. families: one for each n-th dwelling."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    families = families or 10
    grids = range(1, dwellings // 400 + 2)

    def table(name, head, rows):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")

    table("grids", "grid,name,parent", [f"g{g},第{g}网格," for g in grids])
    table("dwellings", "dwelling,grid,building,floor,address,access",
          [f"lh{n},g{n // 400 + 1},{n // 40 + 1}号楼,{n % 6 + 1},示范街道示范路{n // 40 + 1}号{n % 40 + 1}室,物业示例处有备用钥匙"
           for n in range(dwellings)])
    table("residents", f"resident,dwelling,name,birth,phone,notes,{LIMITS}",
          [f"lr{n},lh{n},张虚构{n},1941-03-05,000-0000-{n:05d},独居；高血压,50,120,90,,90,180,,,35,38.5,,"
           for n in range(dwellings)])
    table("devices", "device,class,profile,dwelling,resident,beat",
          [row for n in range(dwellings) for row in (f"ls{n},button,,lh{n},lr{n},", f"lb{n},wristband,,,lr{n},")])
    table("workers", "worker,name,phone,role,scope,client",
          ["w01,赵示例,000-0000-1001,worker,site,app", "w02,钱示例,000-0000-1002,backup,site,app",
           "d01,示范社区值班台,000-0000-2001,community,site,app", "s01,示范街道值班台,000-0000-2002,street,site,app",
           "c01,示范区值班台,000-0000-2003,district,site,app", "o01,示例管理员,000-0000-3001,operator,site,app"] +
          [f"lf{n},张样例{n},000-0000-{n:05d},family,lr{n},app" for n in range(0, dwellings, families)])
    table("duty", "worker,days,from,to,valid_from,valid_to", [])
    return folder
