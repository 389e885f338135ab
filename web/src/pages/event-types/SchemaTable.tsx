import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Badge, Text } from "@mantine/core";
import { useMemo } from "react";
import { type SchemaRow, schemaRows } from "./schemaRows.ts";
import classes from "./SchemaTable.module.css";

/** A schema as a table of its fields; nothing where it names none. */
export function SchemaTable({ schema }: { schema: unknown }) {
  const rows = useMemo(() => schemaRows(schema), [schema]);
  if (rows.length === 0) return <Text size="sm" c="dimmed"><Trans>The schema names no fields; the raw schema below says all that is known.</Trans></Text>;
  return (
    <div className={classes.frame} tabIndex={0} role="region" aria-label={t`Fields of the data`}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col"><Trans>Field</Trans></th>
            <th scope="col"><Trans>What it is</Trans></th>
            <th scope="col"><Trans>Meaning</Trans></th>
          </tr>
        </thead>
        <tbody>{rows.map((row) => <Row key={row.key} row={row} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ row }: { row: SchemaRow }) {
  return (
    <tr>
      <th scope="row" className={classes.field} style={{ paddingInlineStart: 12 + row.depth * 18 }} title={row.path}>
        <span className="foreign">{row.name}</span>
        {row.required && row.path !== "" && <Badge component="span" ms={6} size="xs" variant="light" color="orange" tt="none"><Trans>Required</Trans></Badge>}
        {row.deprecated && <Badge component="span" ms={6} size="xs" variant="light" color="gray" tt="none"><Trans>Going away</Trans></Badge>}
      </th>
      <td className="foreign">{row.type}{row.cut ? `, ${row.cut}` : ""}</td>
      <td>
        {row.description && <Text size="sm" className="foreign">{row.description}</Text>}
        {row.constraints.length > 0 && <Text size="xs" c="dimmed" className="foreign">{row.constraints.join("; ")}</Text>}
      </td>
    </tr>
  );
}
