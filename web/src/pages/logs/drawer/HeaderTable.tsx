import { Text } from "@mantine/core";
import { headerRows } from "../../../lib/headers.ts";
import classes from "./HeaderTable.module.css";

/** The headers of a request or an answer, as text. */
export function HeaderTable({ headers, label, none }: { headers: Record<string, string[] | null> | undefined; label: string; none: string }) {
  const rows = headerRows(headers);
  if (rows.length === 0) return <Text size="sm" c="dimmed">{none}</Text>;
  return (
    <div className={classes.frame}>
      <table className={classes.table} aria-label={label}>
        <tbody>
          {rows.map(([name, value], i) => (
            <tr key={i}>
              <th scope="row" className="foreign">{name}</th>
              <td className="foreign">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
